"""`egaze gaze check`: quality in words, as JSON and as a page."""

import json
import re

import pytest
from click.testing import CliRunner

from egaze.cli import cli
from egaze.errors import EgazeError

ASC = (
    "** CONVERTED FROM r.edf\nMSG\t1 DISPLAY_COORDS 0 0 999 499\n"
    "MSG\t2 !CAL VALIDATION HV9 R RIGHT GOOD ERROR 1.38 avg. 1.69 max  OFFSET 0.24 deg. 6.9,5.4 pix.\n"
    "MSG\t2 VALIDATE R 4POINT 0 RIGHT  at 512,384  OFFSET 0.98 deg.  15.9,13.0 pix.\nMSG\t5 IMAGE <one>.png\n"
    "START\t10 \tRIGHT\tSAMPLES\tEVENTS\nSAMPLES\tGAZE\tRIGHT\tRATE\t 500.00\n{}END\t410 \tSAMPLES\n"
)
SCREEN = ("--screen", "1000x500,500x250mm,60cm")


@pytest.fixture
def asc(tmp_path):
    path = tmp_path / "anna-1.asc"
    rows = [f"{10 + 2 * n}\t  {400 + n % 2}.0\t  250.0\t 1000.0\t...\n" for n in range(200)]
    rows[50:120] = [f"{10 + 2 * n}\t   .\t   .\t    0.0\t...\n" for n in range(50, 120)]
    path.write_text(ASC.format("".join(rows)))
    return path


def invoke(*words):
    result = CliRunner().invoke(cli, ["gaze", "check", *map(str, words)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_it_says_what_it_measures_and_marks(asc):
    said = invoke(asc, *SCREEN).output
    assert "200 samples at 500 Hz of the right eye" in said
    assert "35.0 % lost, 1 blink, precision (RMS-S2S) 0.05 deg, accuracy 1.38 deg, drift unknown" in said
    assert "marked: 35.0 % of the samples are lost, above 25 % (max_lost_frac)" in said
    assert "marked: the error at validation targets is 1.38 degrees, above 1 (max_accuracy_deg)" in said
    assert "drift_deg: no target was measured twice" in said and "1 of 1 recording marked; none is left out" in said
    assert "marked:" not in invoke(asc, "--set", "max_lost_frac=0.4", "--set", "max_accuracy_deg=2").output


def test_json_has_one_object_a_file(asc):
    (found,) = map(json.loads, invoke(asc, *SCREEN, "--json", "--reader", "^[a-z]+").output.splitlines())
    assert found["reader"] == "anna" and found["quality"]["lost_frac"] == 0.35 and len(found["marks"]) == 2


def test_the_page_is_self_contained(asc, tmp_path):
    place = ("--picture", "300,100,400x300", "--picture-message", "IMAGE (.*)")
    page = tmp_path / "quality.html"
    invoke(asc, *SCREEN, *place, "--reader", "^([a-z]+)", "--out", page)
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") == 3 and "default-src &#39;none&#39;" in text
    assert not re.search(r"(?:src|href)=[\"'](?!#)", text) and "NaN" not in text
    for said in ("anna-1.asc", "Readers", "max_accuracy_deg", "35.0", "1.38", "Gaze on the screen"):
        assert said in text
    # The screen's y grows downwards, from 0 at the top.
    assert "y, px" in text and "-y, px" not in text and not re.search(r">-0\.?0*<", text)


def test_what_fails_writes_nothing(asc, tmp_path):
    page = tmp_path / "quality.html"
    (tmp_path / "no.csv").write_text("a,b\n1,2\n")
    with pytest.raises(EgazeError, match="is not an export that egaze knows"):
        invoke(asc, tmp_path / "no.csv", "--out", page)
    assert not page.exists()
    assert "does not match 'x'" in invoke(asc, "--reader", "x").output
    with pytest.raises(EgazeError, match="max_loss"):
        invoke(asc, "--set", "max_loss=3")


@pytest.mark.realdata
def test_real_exports_have_the_rates_of_their_trackers(tmp_path, real_data):
    rates_hz = {
        "tobii_prolab/fourblocks_minimal_comma_bom.tsv": 60,
        "tobii_prolab/v24.21_120hz_both_comma.tsv": 120,
        "tobii_prolab/v24.21_300hz_both_comma.tsv": 300,
        "tobii_sdk/4C_sdk_tuples_semicolon.csv": 90,
        "gazepoint/all_gaze_27s.csv": 60.87,
        "eyelink_asc/cili_bino1000.asc": 1000,
        "eyelink_asc/cili_mono500.asc": 500,
        "pupil_invisible/gv_gaze.csv": 200,
    }
    paths = [real_data / "trackers" / name for name in rates_hz]
    page = tmp_path / "quality.html"
    found = [json.loads(line) for line in invoke(*paths, "--json", "--out", page).output.splitlines()]
    for facts, (name, rate_hz) in zip(found, rates_hz.items(), strict=True):
        assert facts["quality"]["measured_hz"] == pytest.approx(rate_hz, rel=2e-3), name
        assert 0 <= facts["quality"]["lost_frac"] < 0.2, name
    # The validation that the file itself tells of.
    assert found[5]["quality"]["accuracy_deg"] == 0.35 and found[1]["quality"]["accuracy_deg"] is not None
    assert page.stat().st_size < 1_500_000
