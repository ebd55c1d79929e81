"""What `egaze demo` says at its end."""

import shlex

from click.testing import CliRunner

from egaze.cli import cli


def test_the_demo_ends_with_a_file_to_open_and_commands_to_type(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(tmp_path / ".venv" / "bin" / "egaze")])
    monkeypatch.setattr("egaze.demo.run_demo", lambda out, **options: out / "report.html")
    out = tmp_path / "my demo"
    said = CliRunner().invoke(cli, ["demo", "--out", str(out)])
    assert said.exit_code == 0, said.output
    to_open, radiograph, own = said.stdout.splitlines()[-3:]
    assert to_open.endswith(f": {out / 'report.html'}")
    words = shlex.split(radiograph.rpartition(": ")[2])
    assert words == [".venv/bin/egaze", "predict", "my demo/model.pt", "RADIOGRAPH"]
    assert ": .venv/bin/egaze new-table mine && .venv/bin/egaze prepare table mine/cases.csv" in own
