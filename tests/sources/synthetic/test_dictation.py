"""transcript.json: the dataset's fields, on the clock of the reading, and what the radiograph shows."""

from __future__ import annotations

import json

import polars as pl


def test_transcripts_say_what_the_sheet_says_while_the_radiograph_is_read(twin) -> None:
    folder = twin.summary.tables / "audio_segmentation_transcripts"
    transcripts = {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/transcript.json")}
    ids = twin.sheet["dicom_id"].to_list()
    assert 0 < len(ids) - len(transcripts) < 0.1 * len(ids), "a few radiographs were read in silence"
    assert transcripts.keys() < set(ids)
    wordless = 0
    for row in twin.sheet.iter_rows(named=True):
        if (content := transcripts.get(row["dicom_id"])) is None:
            continue
        assert list(content) == ["full_text", "time_stamped_text"]
        phrases = content["time_stamped_text"]
        assert all(list(phrase) == ["phrase", "begin_time", "end_time"] for phrase in phrases)
        words = [phrase["phrase"] for phrase in phrases]
        wordless += words.count("")
        assert content["full_text"] == ". ".join(filter(None, words)) + "."
        times = [time for phrase in phrases for time in (phrase["begin_time"], phrase["end_time"])]
        assert times == sorted(times) and times[0] >= 0
        read_s = twin.fixations.filter(pl.col("DICOM_ID") == row["dicom_id"])["Time (in secs)"].max()
        assert times[-1] <= read_s + 0.02 or times[0] < 0.5
        assert any("consolidation" in text or "focal opacity" in text for text in words) >= row["consolidation"]
        assert ("the lungs are clear" in words or "no focal opacity, no effusion" in words) == row[
            "normal_anatomically"
        ]
    assert wordless > 0
