import polars as pl
import pytest
from click.testing import CliRunner

from egaze.cli import cli, heatmaps
from egaze.pictures import KINDS


def run(*arguments):
    return CliRunner().invoke(cli, ["heatmaps", "--workers", "1", *map(str, arguments)])


def test_the_options_are_the_librarys():
    assert heatmaps._KINDS == KINDS


def test_chosen_cases(study, tmp_path):
    first, second = study.case_ids[2], study.case_ids[30]
    done = run(study.path, "--cases", first, second, "--out", tmp_path / "out", "--kinds", "array, scanpath")
    assert done.exit_code == 0, done.output
    assert "2 cases (array, scanpath), listed in" in done.output and "synthetic data" in done.output
    rows = pl.read_csv(tmp_path / "out" / "index.csv")
    assert rows["case_id"].to_list() == [first, second]
    assert {"array", "scanpath"} < set(rows.columns) and "overlay" not in rows.columns


def test_one_case_with_an_animation(study, tmp_path):
    case_id = study.case_ids[2]
    options = ("--temporal", "--movie", "gif", "--fps", "2", "--speed", "4", "--window-s", "2", "--kinds", "overlay")
    done = run(study.path, "--out", tmp_path / "out", f"--cases={case_id[:20]}*", *options)
    assert done.exit_code == 0, done.output
    assert "1 case (overlay, gaze.gif)" in done.output
    assert sorted(path.name for path in (tmp_path / "out" / case_id).iterdir()) == ["gaze.gif", "overlay.png"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sigma-px", "3", "--sigma-deg", "1"], "Give one of --sigma-px and --sigma-deg."),
        (["--fps", "5"], "--fps needs --temporal."),
        (["--window-s", "5"], "--window-s needs --temporal."),
        (["--kinds", "overlay,photo"], "'photo' is not one of heatmap, overlay, scanpath, array."),
        (["--cases"], "'--cases' requires an argument"),
        (["--cases", "--temporal"], "there is no case '--temporal'"),
        (["--sigma-px", "0"], "0.0 is not in the range"),
        (["--size", "8"], "8 is not in the range"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage(study, tmp_path, options, message):
    done = run(study.path, "--out", tmp_path / "out", *options)
    assert done.exit_code != 0 and message in done.output + str(done.exception)
    assert not list(tmp_path.iterdir())


def test_an_unknown_case_and_split(study, tmp_path):
    done = run(study.path, "--out", tmp_path / "out", "--cases", "nobody")
    assert done.exit_code == 1 and "there is no case 'nobody'" in str(done.exception)
    trained = study.case_ids[study.splits.indices("train")[0]]
    done = run(study.path, "--out", tmp_path / "out", "--cases", trained, "--split", "test")
    assert "none of the cases asked for is in the test split" in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_no_identity_is_printed(twin, study, tmp_path):
    import pydicom

    done = run(study.path, "--out", tmp_path / "out", "--cases", *study.case_ids[:2], "--temporal", "--speed", "20")
    assert done.exit_code == 0, done.output
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in twin.images.rglob("*.dcm")]
    identities = {str(header.PatientID) for header in headers} | {str(header.PatientName) for header in headers}
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    written += [done.output.encode(), *(str(path).encode() for path in tmp_path.rglob("*"))]
    assert len(written) > 10 and identities - {""}
    for identity in identities - {""}:
        assert not any(identity.encode() in content for content in written), identity
