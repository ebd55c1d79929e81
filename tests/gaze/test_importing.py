import json

import numpy as np
import polars as pl
import pytest

from egaze.errors import TableError
from egaze.gaze import GazeRecording, GazeSamples, RecordedFixations, Screen, ShownPicture
from egaze.gaze.imported_files import facts_of, write_imported
from egaze.gaze.importing import import_recording
from egaze.gaze.picture_tables import pictures_from_messages, read_pictures
from egaze.gaze.summary import summarize_recording

SCREEN = Screen(1000, 500, 500, 250, 600)
TIME_S = np.arange(0, 10, 0.01)


def recording(unit="px", **given):
    scale = {"px": 1, "frac": 1000}[unit]
    samples = GazeSamples("both", TIME_S, np.full(1000, 500 / scale), np.full(1000, 250 / scale), unit)
    onset_s, x, y = (
        [0.5, 1.0, 4.8, 9.0],
        np.array([400, np.nan, 600, 100]) / scale,
        np.array([250, 250, 260, 250]) / scale,
    )
    fixations = RecordedFixations("both", onset_s, [0.2, 0.3, 0.4, 0.0], x, y, unit)
    return GazeRecording((samples,), (fixations,), **given)


PICTURES = [
    ShownPicture("b", 5, 20, 300, 100, 400, 300, radiograph_width_px=800, radiograph_height_px=600),
    ShownPicture("a", 0.4, 5, 300, 100, 400, 300, radiograph_width_px=800, radiograph_height_px=600),
]


def test_fixations_on_pictures(tmp_path):
    item = import_recording(tmp_path / "r1.tsv", "own", recording(), screen=SCREEN, pictures=PICTURES)
    rows = item.fixations_on_pictures
    # One has no position and one no duration; one lasts beyond its picture.
    assert rows["case_id"].to_list() == ["a", "a"]
    np.testing.assert_allclose(rows["x_px"], [(400.5 - 300) * 2 - 0.5, (600.5 - 300) * 2 - 0.5])
    np.testing.assert_allclose(rows["onset_s"], [0.1, 4.4])
    np.testing.assert_allclose(rows["duration_s"], [0.2, 0.2])
    np.testing.assert_allclose(rows["pixels_per_degree"], SCREEN.pixels_per_degree * 2)
    notes = " ".join(item.summary.notes)
    assert "1 fixation without a position is left out of fixations.csv" in notes
    assert "1 fixation without a duration is left out of fixations.csv" in notes
    assert "1 fixation lasts beyond the picture's end" in notes
    assert item.check.on_picture_frac == 1
    written = {path.name for path in write_imported([item], tmp_path / "out")}
    assert written == {"r1.samples.parquet", "r1.fixations.parquet", "fixations.csv", "recordings.json"}
    samples = pl.read_parquet(tmp_path / "out" / "r1.samples.parquet")
    assert samples.columns == ["time_s", "both_x_px", "both_y_px", "picture"] and len(samples) == 1000
    assert samples["picture"].null_count() == 40
    fixations = pl.read_parquet(tmp_path / "out" / "r1.fixations.parquet")
    assert fixations["picture"].to_list() == ["a", "a", "a", "b"] and fixations["x_px"].null_count() == 1
    (facts,) = json.loads((tmp_path / "out" / "recordings.json").read_text())
    assert facts == {"name": "r1", **facts_of(item)} and facts["fixations"] == 4 and facts["pictures"] == 2


def test_without_a_place_nothing_is_put_on_a_picture(tmp_path):
    item = import_recording(tmp_path / "r1.csv", "own", recording("frac"))
    assert item.fixations_on_pictures is None and item.check is None
    assert "where the pictures lay on the screen is unknown" in item.summary.notes[-1]
    (tmp_path / "fixations.csv").write_text("of an earlier import")
    assert {path.name for path in write_imported([item], tmp_path)} >= {"r1.fixations.parquet", "r1.samples.parquet"}
    assert not (tmp_path / "fixations.csv").exists()
    assert pl.read_parquet(tmp_path / "r1.samples.parquet").columns == [
        "time_s",
        "both_x_frac",
        "both_y_frac",
        "picture",
    ]


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (
            {},
            {"pictures": [*PICTURES, ShownPicture("c", 4, 6)]},
            "r.csv: two pictures at once: 'a' is shown from 0.4 to 5 s",
        ),
        ({}, {"eye": "left"}, "r.csv: has no fixations of eye 'left', but of both"),
        ({"screen": Screen(800, 600)}, {"screen": SCREEN}, "says that width_px of the screen is 800, not 1000"),
        ({"plane": "scene camera"}, {"pictures": PICTURES}, "in the video of a scene camera"),
        (
            {"unit": "frac"},
            {"pictures": PICTURES},
            "fractions of the screen, and width_px, height_px of the screen is unk",
        ),
    ],
)
def test_what_cannot_be_put_on_a_picture(tmp_path, given, options, message):
    with pytest.raises(TableError, match=message):
        import_recording(tmp_path / "r.csv", "own", recording(**given), **options)


def test_each_reading_has_a_case_of_its_own(tmp_path):
    def imported(name, **options):
        return import_recording(tmp_path / name, "own", recording(), screen=SCREEN, pictures=PICTURES, **options)

    with pytest.raises(TableError, match="r2.asc: case 'a' is in .*r1.asc too; give each reading a case of its own"):
        write_imported([imported("r1.asc"), imported("r2.asc")], tmp_path / "out")
    named = [imported(name, case_name="{file}-{picture}") for name in ("r1.asc", "r2.asc")]
    write_imported(named, tmp_path / "out")
    assert pl.read_csv(tmp_path / "out" / "fixations.csv")["case_id"].unique().sort().to_list() == ["r1-a", "r2-a"]
    with pytest.raises(TableError, match="would be written to the same files"):
        write_imported([imported("r1.asc"), imported("x/r1.tsv", case_name="x")], tmp_path / "out")


def test_a_table_of_pictures(tmp_path):
    path = tmp_path / "shown.csv"
    path.write_text(
        "case_id,file,begin_s,end_s,left_px,top_px,width_px,height_px,zoom\na,r.asc,1,2,0,0,50,40,\nb,,2,,0,0,50,40,2\n"
    )
    found = read_pictures(path)
    assert found["r.asc"] == [ShownPicture("a", 1, 2, 0, 0, 50, 40)]
    assert found[None] == [ShownPicture("b", 2, left_px=0, top_px=0, width_px=50, height_px=40, zoom=2)]
    path.write_text("case_id,begin_s,end_s\na,1,2\nb,3,3\n")
    with pytest.raises(
        TableError, match=r"shown.csv: record 2: picture 'b' must end after it begins, got 3.0 to 3.0 s"
    ):
        read_pictures(path)


def test_messages_that_name_no_picture():
    import re

    with pytest.raises(ValueError, match="has no group for the picture's name"):
        pictures_from_messages([], re.compile("IMAGE"))
    with pytest.raises(ValueError, match="none of 0 messages matches"):
        pictures_from_messages([], re.compile("IMAGE (.*)"))


def test_a_summary_counts_pauses_and_says_a_rate_that_is_not_kept():
    time_s = np.concatenate([np.arange(100) * 0.01, 5 + np.arange(100) * 0.01])
    samples = GazeSamples("left", time_s, np.ones(200), np.ones(200))
    found = summarize_recording(GazeRecording((samples,), sampling_hz=120.0))
    assert (found.duration_s, found.span_s) == (pytest.approx(1.98), pytest.approx(5.99))
    assert (found.rate_hz, found.measured_hz) == (120, pytest.approx(100))
    assert found.notes == (
        "1 gap of 4.01 s or more count as pauses of the recording",
        "the export states 120 Hz and has 100 samples per second: samples are missing",
    )
