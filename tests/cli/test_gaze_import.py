"""`egaze gaze import`, from an export to a study."""

import json

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from PIL import Image

from egaze.cli import cli
from egaze.errors import EgazeError
from egaze.study import open_study

ASC = (
    "** CONVERTED FROM r.edf\nMSG\t1 DISPLAY_COORDS 0 0 999 499\nMSG\t5 IMAGE one.png\n"
    "START\t10 \tLEFT\tSAMPLES\tEVENTS\nSAMPLES\tGAZE\tLEFT\tRATE\t 500.00\n{}"
    "EFIX L   10\t108\t100\t  400.0\t  250.0\t   1063\nEND\t110 \tSAMPLES\n"
    "MSG\t900 IMAGE two.png\nSTART\t910 \tLEFT\tSAMPLES\tEVENTS\nSAMPLES\tGAZE\tLEFT\tRATE\t 500.00\n{}"
    "EFIX L   910\t1008\t100\t  600.0\t  300.0\t   1063\nEND\t1010 \tSAMPLES\nMSG\t1020 CLEAR\n"
)
PLACE = ("--picture", "300,100,400x300")
MESSAGES = ("--picture-message", r"IMAGE (\w+)\.png", "--end-message", "CLEAR")


@pytest.fixture
def asc(tmp_path):
    blocks = [
        "".join(f"{begin + 2 * n}\t  {x}\t  {y}\t 1000.0\t...\n" for n in range(50))
        for begin, x, y in ((10, 400.0, 250.0), (910, 600.0, 300.0))
    ]
    path = tmp_path / "reading.asc"
    path.write_text(ASC.format(*blocks))
    return path


def invoke(*words):
    result = CliRunner().invoke(cli, [str(word) for word in words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_from_an_export_to_a_study(asc, tmp_path):
    out = tmp_path / "gaze"
    screen = ("--screen", "1000x500,500x250mm,60cm")
    said = invoke("gaze", "import", asc, *screen, *PLACE, *MESSAGES, "--radiograph", "800x600", "--out", out).output
    assert (
        "eyelink-asc: 100 samples at 500 Hz, 100 valid, 0.196 s, 2 fixations of the left eye, 2 on 2 pictures" in said
    )
    assert "100.0 % of gaze while pictures are shown lies on them" in said
    for name in ("one", "two"):
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (600, 800), dtype=np.uint8)).save(
            tmp_path / f"{name}.png"
        )
    (tmp_path / "cases.csv").write_text("case_id,image,patient_id,label\none,one.png,p1,a\ntwo,two.png,p2,b\n")
    said = invoke(
        *("prepare", "table", tmp_path / "cases.csv", "--fixations", out / "fixations.csv", "--size", "32"),
        *("--out", tmp_path / "study"),
    ).output
    assert "<svg" in (out / "quality.html").read_text(encoding="utf-8")
    assert "2 cases of 2 patients" in said and "2 fixations" in said
    gaze = open_study(tmp_path / "study").fixations(0, 32)
    assert gaze.x_px[0] == pytest.approx((400.5 - 300) * 2 / 800 * 32 - 0.5, abs=1e-3)


def test_json_is_one_object_a_file(asc):
    lines = invoke("gaze", "import", asc, asc, "--json").output.splitlines()
    found = [json.loads(line) for line in lines]
    assert len(found) == 2 and found[0] == found[1]
    keys = ("file", "format", "samples", "valid", "duration_s", "rate_hz", "fixations")
    assert {key: found[0][key] for key in keys} == {
        "file": str(asc),
        "format": "eyelink-asc",
        "samples": 100,
        "valid": 100,
        "duration_s": 0.196,
        "rate_hz": 500.0,
        "fixations": 2,
    }


def test_a_table_of_pictures_and_a_mapping(tmp_path):
    (tmp_path / "own.csv").write_text("on;ms;x;y\n1,0;200;0,25;0,5\n1,3;300;0,75;0,5\n")
    (tmp_path / "own.toml").write_text(
        'kind = "fixations"\ntime = {column = "on", unit = "s"}\nduration = {column = "ms", unit = "ms"}\n'
        'both = {x = "x", y = "y"}\npositions = {unit = "frac", origin = "top left"}\n'
    )
    (tmp_path / "shown.csv").write_text(
        "file;case_id;begin_s;end_s;left_px;top_px;width_px;height_px\nown.csv;a;0;1,25;0;0;1000;500\n"
        "own.csv;b;1,25;9;0;0;1000;500\n"
    )
    options = ("--mapping", tmp_path / "own.toml", "--pictures", tmp_path / "shown.csv", "--screen", "1000x500")
    said = invoke("gaze", "import", tmp_path / "own.csv", *options, "--out", tmp_path / "out").output
    assert "mapping: 0.600 s, 2 fixations, 2 on 2 pictures" in said
    assert "positions are in pixels of the picture as shown, 1000x500" in said
    rows = pl.read_csv(tmp_path / "out" / "fixations.csv")
    assert rows["case_id"].to_list() == ["a", "b"] and rows["x_px"].to_list() == [249.5, 749.5]
    assert rows["onset_s"].to_list() == pytest.approx([0, 0.05])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--screen", "1920"), "expected pixels, size and distance such as 1920x1080,527x296mm,650mm, got '1920'"),
        (("--picture", "3,4"), "expected LEFT,TOP,WIDTHxHEIGHT such as 405,108,1110x865, got '3,4'"),
        (("--end-message", "CLEAR"), "--end-message needs --picture-message"),
        (("--picture-message", "("), "is no regular expression"),
    ],
)
def test_wrong_usage(asc, words, message):
    result = invoke("gaze", "import", asc, *words)
    assert result.exit_code == 2 and message in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--format", "edf"), "unknown tracker format 'edf'; known are bids, eyelink-asc"),
        (("--format", "gazepoint"), r"has no column 'TIME\(...\)'"),
        (("--picture-message", "FILM (.*)"), "none of 4 messages, such as 'DISPLAY_COORDS 0 0 999 499' matches"),
        (("--radiograph", "8x6"), "--radiograph needs to know where pictures lay on the screen"),
        (("--screen", "800x600"), "says that width_px of the screen is 1000, not 800"),
    ],
)
def test_what_fails(asc, words, message):
    with pytest.raises(EgazeError, match=message):
        invoke("gaze", "import", asc, *words)


def test_messages_say_when_and_a_table_where(asc, tmp_path):
    table = tmp_path / "places.csv"
    table.write_text("case_id,left_px,top_px,width_px,height_px\none,300,100,400,300\ntwo,500,100,400,300\n")
    invoke("gaze", "import", asc, "--pictures", table, *MESSAGES, "--out", tmp_path / "gaze")
    rows = pl.read_csv(tmp_path / "gaze" / "fixations.csv")
    assert rows["x_px"].to_list() == [100, 100] and rows["case_id"].to_list() == ["one", "two"]
    with pytest.raises(EgazeError, match=r"reading\.asc: the table of pictures has no begin_s and end_s"):
        invoke("gaze", "import", asc, "--pictures", table)
    table.write_text("case_id,begin_s,left_px,top_px,width_px,height_px\none,0,300,100,400,300\n")
    with pytest.raises(EgazeError, match="--picture-message and begin_s of --pictures both say when"):
        invoke("gaze", "import", asc, "--pictures", table, *MESSAGES)


def test_the_part_shown_goes_into_the_study(asc, tmp_path):
    """Zoomed twice about its centre, the picture shows its middle half; gaze beyond it counts for no target."""
    table = tmp_path / "shown.csv"
    table.write_text(
        "case_id,begin_s,end_s,left_px,top_px,width_px,height_px,zoom\none,0,0.5,300,100,400,300,2\n"
        "two,0.5,9,300,100,400,300,1\n"
    )
    invoke("gaze", "import", asc, "--pictures", table, "--out", tmp_path / "gaze")
    rows = pl.read_csv(tmp_path / "gaze" / "fixations.csv")
    assert rows.select("x_min_shown_px", "y_max_shown_px").rows() == [(99.5, 224.5), (-0.5, 299.5)]
    for name in ("one", "two"):
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 400), dtype=np.uint8)).save(
            tmp_path / f"{name}.png"
        )
    (tmp_path / "cases.csv").write_text("case_id,image,patient_id\none,one.png,p1\ntwo,two.png,p2\n")
    fixations = ("--fixations", tmp_path / "gaze" / "fixations.csv")
    invoke("prepare", "table", tmp_path / "cases.csv", *fixations, "--size", "64", "--out", tmp_path / "study")
    one, two = (open_study(tmp_path / "study").fixations(case, 64) for case in range(2))
    assert one.shown_px[0].tolist() == pytest.approx([15.5, 15.5, 47.5, 47.5], abs=1e-3)
    assert two.shown_px[0][2] == pytest.approx(63.5)


def test_what_is_missing_names_its_option(tmp_path):
    """Each message that something of the screen is unknown names the option that gives it."""
    head = "FPOGX,FPOGY,FPOGS,FPOGD,FPOGID,FPOGV,BPOGX,BPOGY,BPOGV,TIME(2025/04/04 11:57:50.638)\n"
    rows = "".join(f"0.4,0.5,0.01,{n / 60:.4f},1,1,0.4,0.5,1,{n / 60:.4f}\n" for n in range(60))
    path = tmp_path / "r.csv"
    path.write_text(head + rows)
    for words, option in (
        (("--detect", "ivt"), r"\(--screen WxH\)"),
        (("--detect", "ivt", "--screen", "1920x1080"), r"\(--screen WxH,WxHmm,Dmm\)"),
        (("--picture", "0,0,100x100"), r"\(--screen WxH\)"),
    ):
        with pytest.raises(EgazeError, match=rf"r\.csv: .* unknown.*{option}"):
            invoke("gaze", "import", path, *words)
    assert "(--picture or --pictures)" in invoke("gaze", "import", path).output


def test_a_failure_writes_nothing(asc, tmp_path):
    (tmp_path / "no.csv").write_text("a,b\n1,2\n")
    with pytest.raises(EgazeError, match=r"no\.csv: is not an export that egaze knows"):
        invoke("gaze", "import", asc, tmp_path / "no.csv", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


#: Real exports with fixations on a screen: how many become fixations on a picture, of one eye.
REAL = {
    "tobii_prolab/fourblocks_minimal_comma_bom.tsv": 45,
    "tobii_prolab/fourblocks_minimal_comma_utf16le_DERIVED.tsv": 45,
    "tobii_prolab/fourblocks_minimal_point_DERIVED.tsv": 45,
    "tobii_prolab/v24.21_300hz_both_comma.tsv": 17,
    "tobii_prolab/v24.21_120hz_both_comma.tsv": 28,
    "tobii_studio/P61-Fixation-Data.tsv": 4664,
    "gazepoint/all_gaze_27s.csv": 52,
    "eyelink_asc/cili_mono500.asc": 12,
    "eyelink_asc/cili_bino1000.asc": 12,
    "eyelink_asc/pypillometry_002_events_only.asc": 129,
    "smi/begaze3.5_events_csv_microseconds.txt": 1917,
    "bids_DERIVED/sub-mono500/beh/sub-mono500_task-saccade_recording-eye1_physio.tsv.gz": 12,
}


@pytest.mark.realdata
def test_real_exports_become_fixations_on_a_picture(real_data, tmp_path):
    for place, (name, count) in enumerate(REAL.items()):
        out = tmp_path / str(place)
        words = [real_data / "trackers" / name, "--picture", "100,100,1000x800", "--radiograph", "2000x1600"]
        words += ["--screen", "1920x1080"] if name.startswith("gazepoint") else []
        found = json.loads(invoke("gaze", "import", *words, "--out", out, "--json").output)
        # Those that begin while the tracker has another picture's name have no place but the option's, so none is lost.
        assert found["fixations"] == count and found["fixations_on_pictures"] <= count
        rows = pl.read_csv(out / "fixations.csv")
        left_out = sum(int(note.split()[0]) for note in found["notes"] if "left out of fixations.csv" in note)
        assert len(rows) == found["fixations_on_pictures"] == count - left_out, name
        assert set(rows.columns) >= {"case_id", "x_px", "y_px", "duration_s", "onset_s"}


def test_fixations_are_found_in_the_samples_on_request(asc, tmp_path):
    out = tmp_path / "gaze"
    found = ("--screen", "1000x500,500x250mm,60cm", "--detect", "ivt", "--set", "min_duration_ms=70")
    said = invoke("gaze", "import", asc, *found, *PLACE, *MESSAGES, "--out", out).output
    assert "2 fixations of the left eye, found by ivt, 2 on 2 pictures" in said
    (facts,) = json.loads((out / "recordings.json").read_text())
    assert facts["detected"]["method"] == "ivt" and facts["detected"]["settings"]["min_duration_ms"] == 70


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--detect", "ivt"], "distance is unknown"),
        (["--set", "min_duration_ms=70"], "--set needs --detect"),
        (["--detect", "dispersion"], "none of adaptive, ivt, idt"),
        (["--detect", "idt", "--set", "threshold_deg_s=30"], "unknown key 'threshold_deg_s'; known are"),
        (["--detect", "idt", "--set", "min_duration_ms=0"], "min_duration_ms must be above 0"),
    ],
)
def test_what_is_wrong_with_finding_fixations_is_one_line(asc, words, message):
    with_error = CliRunner().invoke(cli, ["gaze", "import", str(asc), *words])
    said = with_error.output + str(with_error.exception)
    assert with_error.exit_code != 0 and message in said
