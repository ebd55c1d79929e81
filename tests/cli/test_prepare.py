"""What `egaze prepare` and `egaze study show` say of radiographs that cannot be read."""

import io
import json
import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest
from click.testing import CliRunner
from imaging.dicom_radiographs import STORED, write_dicom
from PIL import Image
from rich.console import Console

from egaze.cli import cli, progress
from egaze.errors import StudyError


@pytest.fixture
def prepare(tmp_path):
    """Prepares a table of 30 radiographs, of which so many are missing; returns what the command gave."""

    def run(missing, *options):
        folder = tmp_path / "files" / "p10000032"
        folder.mkdir(parents=True)
        lines = ["case_id,image,patient_id,label"]
        for number in range(30):
            if number >= missing:
                Image.fromarray(np.full((20, 20), number, np.uint8)).save(folder / f"{number}.png")
            lines.append(f"case{number},files/p10000032/{number}.png,10000032,a")
        (tmp_path / "cases.csv").write_text("\n".join(lines) + "\n")
        words = ["prepare", "table", tmp_path / "cases.csv", "--out", tmp_path / "study", "--workers", 1, *options]
        return CliRunner().invoke(cli, [str(word) for word in words])

    return run


def test_preparing_without_errors(prepare):
    done = prepare(0)
    assert done.exit_code == 0 and done.stderr == ""
    assert "30 cases of 1 patient, 30 with a label, 0 with gaze (0 fixations), 0 regions, 0 phrases" in done.stdout


def test_a_few_are_listed_with_their_paths(prepare, tmp_path):
    done = prepare(2)
    assert done.exit_code == 0 and "28 cases" in done.stdout and "case0" not in done.stdout
    lines = done.stderr.splitlines()
    assert lines[0] == "egaze: 2 cases are left out, which have radiographs that cannot be read:" and len(lines) == 3
    assert lines[1].startswith(f"  case0: {tmp_path / 'files' / 'p10000032' / '0.png'}: ")
    shown = CliRunner().invoke(cli, ["study", "show", str(tmp_path / "study")]).stdout
    assert (
        "left out because their radiographs cannot be read: 2 cases" in shown
        and "case1: cannot open the radiograph" in shown
    )
    assert "annotations: 0 regions, 0 phrases" in shown
    # The terminal is for who mends the radiographs; the study goes to others.
    assert "p10000032" not in shown and "p10000032" not in (tmp_path / "study" / "study.json").read_text()


def test_overridden_header_values_are_counted(tmp_path):
    lines = ["case_id,image,patient_id,label"]
    headers = [{"RescaleSlope": 0, "RescaleIntercept": 0}] * 2 + [{"WindowCenter": 2000, "WindowWidth": 4000}]
    headers += [{"WindowCenter": 9000 + 100 * number, "WindowWidth": 2 + number} for number in range(6)]
    headers[-1] = {**headers[-1], "RescaleSlope": 0, "RescaleIntercept": 0}
    for number, header in enumerate(headers):
        write_dicom(tmp_path / f"{number}.dcm", STORED + number, **header)
        lines.append(f"{number},{number}.dcm,{number},a")
    (tmp_path / "cases.csv").write_text("\n".join(lines) + "\n")
    words = ["prepare", "table", tmp_path / "cases.csv", "--out", tmp_path / "study", "--workers", 1]
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == 0, done.stderr
    for said in (done.stdout, CliRunner().invoke(cli, ["study", "show", str(tmp_path / "study")]).stdout):
        said = said[said.index("  overridden values of radiographs' headers:\n") :]
        assert said.splitlines()[1] == "    3 cases: Rescale Slope 0 ignored"
        assert "    1 case: stored values 3 to 4049 are all shown as 0.000\n" in said
        assert "    and 2 other notes; the column voi of cases.parquet has all\n" in said
    plain = tmp_path / "plain.csv"
    plain.write_text("case_id,image,patient_id,label\na,2.dcm,a,a\n")
    done = CliRunner().invoke(cli, ["prepare", "table", str(plain), "--out", str(tmp_path / "other"), "--workers", "1"])
    assert done.exit_code == 0 and "overridden values" not in done.stdout


def test_many_are_listed_in_part(prepare, tmp_path):
    done = prepare(25)
    assert done.exit_code == 0 and len(done.stderr.splitlines()) == 22
    assert done.stderr.endswith("  and 5 more; the study's study.json lists all, without paths\n")
    assert len(json.loads((tmp_path / "study" / "study.json").read_text())["left_out"]) == 25
    shown = CliRunner().invoke(cli, ["study", "show", str(tmp_path / "study")]).stdout
    assert shown.endswith(f"    and 5 more; {tmp_path / 'study' / 'study.json'} lists all\n")


def test_strict(prepare, tmp_path):
    done = prepare(23, "--strict")
    assert isinstance(done.exception, StudyError) and "23 of 30 radiographs cannot be read" in str(done.exception)
    lines = done.stderr.splitlines()
    assert lines[0] == "egaze: 23 cases have radiographs that cannot be read:" and lines[-1] == "  and 3 more"
    assert not (tmp_path / "study").exists() and (tmp_path / ".study.partial").is_dir()


def test_the_progress_bar_shows_rate_and_remaining_time(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(progress, "is_shown", lambda: True)
    monkeypatch.setattr(progress, "Console", lambda stderr: Console(file=shown, force_terminal=True, width=200))
    with progress.bar("reading radiographs") as update:
        update(5000, 10_000)
        for done in range(5001, 5011):
            update(done, 10_000)
            time.sleep(0.05)
    last = re.findall(r"5,010/10,000\D+([\d.]+)/s.*?(\d+:\d\d:\d\d)", re.sub(r"\x1b\[[^m]*m", "", shown.getvalue()))[-1]
    # Some 20 a second; an earlier run's 5000 do not count.
    assert 2 < float(last[0]) < 21 and last[1] == "0:00:00"


@pytest.mark.parametrize(
    "words",
    [
        "--out study table a/cases.csv --fixations a/gaze.csv --classes x,y table b/cases.csv --size 32",
        "table a/cases.csv --fixations a/gaze.csv --strict --classes=x,y --out study table b/cases.csv --size=32",
        "--strict table --classes x,y --fixations a/gaze.csv a/cases.csv --size 32 table b/cases.csv --out study",
    ],
)
def test_options_stand_in_any_order(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    for name, label in (("a", "x"), ("b", "y")):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "radiograph.npy", np.zeros((9, 9), np.uint8))
        (tmp_path / name / "cases.csv").write_text(f"case_id,image,patient_id,label\n{name},radiograph.npy,p,{label}\n")
    (tmp_path / "a" / "gaze.csv").write_text("case_id,x_px,y_px,duration_s\na,3,4,0.5\n")
    done = CliRunner().invoke(cli, ["prepare", *words.split()])
    assert done.exit_code == 0, done.output
    manifest = json.loads((tmp_path / "study" / "study.json").read_text())
    assert manifest["class_names"] == ["x", "y"] and manifest["counts"]["fixations"] == 1
    assert manifest["image_size_px"] == 32


@pytest.mark.parametrize("words", ["table --help", "egd-cxr -h", "--help", "reflacx --gaze g --help"])
def test_help_needs_nothing_else(words):
    done = CliRunner().invoke(cli, ["prepare", *words.split()])
    assert done.exit_code == 0 and "Example:" in done.stdout, done.output


@pytest.fixture
def table(tmp_path):
    """Two radiographs with gaze; returns what `egaze prepare table` and other words give."""
    radiographs = tmp_path / "radiographs"
    radiographs.mkdir()
    for name in "ab":
        np.save(radiographs / f"{name}.npy", np.zeros((90, 90), np.uint8))
    (tmp_path / "cases.csv").write_text("case_id,image,patient_id,label\na,a.npy,p,x\nb,b.npy,q,NA\n")
    (tmp_path / "gaze.csv").write_text("case_id,x_px,y_px,duration_s\na,3,4,0.5\nb,30,40,0.5\n")

    def run(*options, before=(), out=tmp_path / "study"):
        words = ["table", tmp_path / "cases.csv", "--images", radiographs, "--fixations", tmp_path / "gaze.csv"]
        words = [*before, "prepare", *words, "--workers", 1, "--size", 16, "--out", out, *options]
        return CliRunner().invoke(cli, [str(word) for word in words])

    return run


def test_independent_classes_are_printed_with_prevalence_and_unknowns(table, tmp_path):
    (tmp_path / "cases.csv").write_text("case_id,image,patient_id\na,a.npy,p\nb,b.npy,q\n")
    (tmp_path / "findings.csv").write_text("case_id,effusion,a rather long finding\na,1,-1\nb,0,1\n")
    done = table("--labels", tmp_path / "findings.csv", "--uncertain", "soft")
    expected = [
        "classes: independent, any number per case; uncertain labels teach their certainty",
        "present absent uncertain unknown prevalence",
        "effusion 1 1 0 0 50.0 %",
        "a rather long finding 1 0 1 0 100.0 %",
    ]

    def words(output):
        return [" ".join(line.split()) for line in output.splitlines()]

    assert done.exit_code == 0 and words(done.stdout)[1:5] == expected, done.output
    shown = words(CliRunner().invoke(cli, ["study", "show", str(tmp_path / "study")]).output)
    assert set(expected) <= set(shown) and "cases gaze effusion a rather long finding" in shown


def test_classes_and_what_was_read_as_none_are_printed(table):
    done = table("--classes", "x,y")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[1:] == [
        "  classes: exclusive, one per case",
        "                     present      absent   uncertain     unknown  prevalence",
        "    x                      1           0           0           1     100.0 %",
        "    y                      0           1           0           1       0.0 %",
        "  1-table: 2 cases",
        "            1 labels such as NA read as none",
        "            2 fixations kept",
        "    1 other count is 0",
        "  gaze, medians by reader (study.json has the limits that mark a reading; none is left out):",
        "    no reader named: 2 readings, 1 fixations, 0.50 s each, 100 % of them on the part shown",
    ]


def test_quiet_prints_the_result_only(table):
    done = table(before=["-q"])
    assert done.exit_code == 0 and len(done.stdout.splitlines()) == 1 and done.stderr == ""


def test_an_option_accepts_gaze_that_looks_wrong(table, tmp_path):
    (tmp_path / "gaze.csv").write_text("case_id,x_px,y_px,duration_s\na,3,4,0.5\nb,.3,.4,0.5\n")
    said = str(table().exception)
    assert said.startswith(f"{tmp_path / 'gaze.csv'}: record 2: case 'b': 1 of 1 fixations lie within 0 to 1")
    done = table("--trust-gaze")
    assert "gaze that looks wrong was accepted (--trust-gaze): 1 case\n" in done.stdout


def test_resized_radiographs_are_reported(table, tmp_path):
    columns = "case_id,image,patient_id,label,radiograph_width_px,radiograph_height_px"
    sizes = f"{columns}\na,a.npy,p,x,180,180\nb,b.npy,q,x,90,90\n"
    (tmp_path / "cases.csv").write_text(sizes)
    assert (
        "radiographs were resized since gaze was recorded: gaze and regions of 1 case are scaled by 0.5\n"
        in table().stdout
    )


@pytest.mark.parametrize(
    ("word", "meant"), [("--fixation", "--fixations"), ("--siz", "--size"), ("--class=a,b", "--classes")]
)
def test_an_unknown_option_suggests_a_similar_one(table, word, meant):
    done = table(word)
    assert done.exit_code == 2 and f"No such option '{word.partition('=')[0]}'" in done.stderr
    assert f"'{meant}'" in done.stderr and "--fit'" not in done.stderr.replace("'--fit', '--size'", "")


@pytest.mark.parametrize("command", ["prepare", "study split x", "train x --out y", "synthesize x --cases 1", "demo"])
def test_a_seed_below_0_is_wrong_usage(command):
    done = CliRunner().invoke(cli, [*command.split(), "--seed", "-1"])
    assert done.exit_code == 2 and "-1 is not in the range x>=0" in done.stderr


def test_a_link_is_followed_to_where_the_study_will_be(table, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "there").mkdir()
    for name, target in (("new", "disk/study"), ("empty", "there")):
        (tmp_path / name).symlink_to(tmp_path / target)
        done = table(out=tmp_path / name)
        assert done.exit_code == 0, done.output
        assert (tmp_path / name).is_symlink() and (tmp_path / target / "study.json").is_file()
    assert not list(tmp_path.glob(".*partial")) and not list((tmp_path / "disk").glob(".*partial"))


def test_an_unusable_output_is_refused_before_radiographs_are_read(table, tmp_path, monkeypatch):
    monkeypatch.setattr("egaze.study.prepare.read_radiographs", lambda *_: pytest.fail("radiographs are read"))
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    for out, message in (("loop", "is a link to itself"), ("link", "already exists"), ("file/study", "cannot write")):
        assert message in str(table(out=tmp_path / out).exception)
    assert "a disk's top folder" in str(table(out="/").exception)


def test_radiographs_of_both_sources_are_listed_before_they_are_there(tmp_path):
    (tmp_path / "egd").mkdir()
    (tmp_path / "egd" / "master_sheet.csv").write_text(
        "path\nfiles/p10/p10000001/s1/a.dcm\nfiles/p10/p10000002/s2/b.dcm\n"
    )
    (tmp_path / "reflacx" / "main_data").mkdir(parents=True)
    for phase, radiographs in ((1, "ba"), (2, "c"), (3, "cd")):
        cells = [
            f"physionet.org/files/mimic-cxr/2.0.0/files/p10/p10000002/s2/{radiograph}.dcm" for radiograph in radiographs
        ]
        (tmp_path / "reflacx" / "main_data" / f"metadata_phase_{phase}.csv").write_text(
            "\n".join(["image", *cells, ""])
        )
    egd, reflacx = (["--gaze", str(tmp_path / name), "--list-radiographs"] for name in ("egd", "reflacx"))
    done = CliRunner().invoke(cli, ["prepare", "egd-cxr", *egd, "reflacx", *reflacx])
    assert done.exit_code == 0, done.output
    second = [f"files/p10/p10000002/s2/{name}.dcm" for name in "bacd"]
    assert done.stdout.splitlines() == ["files/p10/p10000001/s1/a.dcm", *second]
    done = CliRunner().invoke(cli, ["prepare", "reflacx", *reflacx, "--phase", "2"])
    assert done.stdout.splitlines() == second[2:3]
    done = CliRunner().invoke(cli, ["prepare", "egd-cxr", *egd, "reflacx", *reflacx[:2], "--images", str(tmp_path)])
    assert done.exit_code != 0


def test_a_source_needs_radiographs_and_a_study_a_place(tmp_path):
    done = CliRunner().invoke(cli, ["prepare", "egd-cxr", "--gaze", "g", "--out", "study"])
    assert done.exit_code == 2 and "Missing option '--images'" in done.stderr
    done = CliRunner().invoke(cli, ["prepare", "reflacx", "--gaze", "g", "--images", "i"])
    assert done.exit_code == 2 and "Missing option '--out'" in done.stderr


def test_new_table(tmp_path):
    done = CliRunner().invoke(cli, ["new-table", str(tmp_path / "mine")])
    assert done.exit_code == 0 and f"egaze prepare table {tmp_path / 'mine' / 'cases.csv'} --out STUDY" in done.stdout
    assert "already exists" in str(CliRunner().invoke(cli, ["new-table", str(tmp_path / "mine")]).exception)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("--fixation", "No such option '--fixation'; the source table has '--fixations'"),
        ("--gaze-tabel", "'--gaze-table'"),
        ("--image", "'--images'"),
        ("--strcit", "'--strict'"),
        ("--fast", None),
        ("--fig", None),
    ],
)
def test_only_similar_options_are_suggested(word, said):
    done = CliRunner().invoke(cli, ["prepare", "egd-cxr", word, "x", "--out", "study"])
    assert done.exit_code == 2
    told = done.stderr.splitlines()[-1]
    assert (said in told if said else told == f"Error: No such option '{word}'.") and "'--fit'" not in told


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such file names")
@pytest.mark.parametrize("place", ["cases", "images", "out"])
def test_paths_that_are_not_utf_8(table, tmp_path, place):
    odd = tmp_path / os.fsdecode(b"odd\xff")
    odd.mkdir()
    for path in [tmp_path / "cases.csv", tmp_path / "gaze.csv", *(tmp_path / "radiographs").iterdir()]:
        (odd / path.name).write_bytes(path.read_bytes())
    given = {"cases": tmp_path / "cases.csv", "images": tmp_path / "radiographs", "out": tmp_path / "study"}
    given[place] = {"cases": odd / "cases.csv", "images": odd, "out": odd / "study"}[place]
    words = [
        "table",
        given["cases"],
        "--images",
        given["images"],
        "--out",
        given["out"],
        "--fixations",
        odd / "gaze.csv",
    ]
    done = subprocess.run([sys.executable, "-m", "egaze", "prepare", *words], capture_output=True, check=False)
    assert b"Traceback" not in done.stderr, done.stderr
    if place == "out":
        assert done.returncode == 2 and b"is no name in UTF-8" in done.stderr.splitlines()[-1]
    else:
        assert done.returncode == 0 and len(done.stderr.splitlines()) <= 1, done.stderr
