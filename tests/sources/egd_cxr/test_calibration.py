"""Re-calibration from cards, on a case worked out by hand."""

import pytest

from egaze.sources.egd_cxr.screen import card_ids


@pytest.fixture
def calibrated(folder, parts):
    """Session 1 has two cards: A ends at (0.51, 0.49), after a row that does not count; B ends at (0.53, 0.51)."""
    card_a, card_b = parts.IDS[0][:-5], parts.IDS[1][:-9]
    folder.fixations = [
        parts.gaze_row(card_a, (0.40, 0.60), 1),
        parts.gaze_row(card_a, (0.51, 0.49), 2),
        parts.gaze_row(card_a, (0.90, 0.90), 3, FPOGV=0),
        parts.gaze_row(parts.IDS[0], (0.5, 0.5), 4),
        parts.gaze_row(parts.IDS[0], (0.275, 0.5), 5),
        parts.gaze_row(card_b, (0.53, 0.51), 6),
        # Session 2 has no card.
        parts.gaze_row(parts.IDS[1], (0.5, 0.5), 1, SESSION_ID=2),
        # Session 3's card says that gaze is 10 px too far left; the radiograph there is not to be had.
        parts.gaze_row(card_a, (950 / 1920, 0.5), 1, SESSION_ID=3),
        parts.gaze_row(parts.IDS[2], (0.5, 0.5), 2, SESSION_ID=3),
    ]
    (folder.images / folder.sheet[2]["path"]).unlink()
    return folder


def test_the_shift_equals_one_computed_by_hand(calibrated, parts):
    source = calibrated.read(recalibrate=True)
    # Mean of (0.51, 0.49) and (0.53, 0.51) is (0.52, 0.50), or (998.4, 540) px: the shift is (-38.4, 0) px.
    first, second, third = (case.fixations for case in source.cases())
    # (960 - 38.4 - 534) * 2544 / 852 = 1157.33...; 540 * 3056 / 1080 = 1528.
    # The other row was at 528 px, left of the radiograph already, and goes further left.
    assert first.x_px.tolist() == [1157] and first.y_px.tolist() == [1528]
    # Without a shift: (960 - 448) * 3056 / 1024 = 1528; (540 - 86) * 2544 / 908 = 1272.
    assert second.x_px.tolist() == [1528] and second.y_px.tolist() == [1272]
    assert third is None
    hygiene = source.hygiene
    assert hygiene["sessions"] == 3 and hygiene["sessions_without_calibration"] == 1
    assert hygiene["fixations_dropped_calibration_card"] == 5
    assert (
        hygiene["fixations_dropped_outside_radiograph"] == 1
        and hygiene["fixations_dropped_radiograph_size_unknown"] == 1
    )
    assert source.options == {"gaze_table": "fixations", "recalibrate": True}


def test_recalibration_is_off_by_default(calibrated, parts):
    source = calibrated.read()
    assert source.cases()[0].fixations.x_px.tolist() == [parts.published_map(parts.IDS[0], 0.5, 0.5)[0]]
    assert source.hygiene["fixations_dropped_radiograph_size_unknown"] == 0 and "sessions" not in source.hygiene


def test_a_shift_can_bring_gaze_onto_the_radiograph(folder, parts):
    """A card whose gaze lies 80 px right of the middle moves gaze at x = 1450, right of the radiograph, to 1370."""
    folder.fixations = [
        parts.gaze_row(parts.IDS[0][:-5], (1040 / 1920, 0.5), 1),
        parts.gaze_row(parts.IDS[0], (1450 / 1920, 0.5), 2),
    ]
    assert folder.fixations[1]["X_ORIGINAL"] == -2
    assert folder.read().cases()[0].fixations is None
    moved = folder.read(recalibrate=True).cases()[0].fixations
    assert moved.x_px.tolist() == [int(2544 / 852 * (1370 - 534))]


def test_the_last_sample_of_each_card_counts(folder, parts):
    card = parts.IDS[0][:-5]
    folder.samples = [
        *(parts.gaze_row(card, (0.3 + 0.1 * n, 0.5), 1, CNT=n) for n in range(3)),  # ends at 0.5: no shift
        *(parts.gaze_row(parts.IDS[0], (0.5, 0.5), 2, CNT=10 + n) for n in range(3)),
    ]
    source = folder.read(gaze_table="eye-gaze", recalibrate=True)
    assert source.cases()[0].fixations.x_px.tolist() == [parts.published_map(parts.IDS[0], 0.5, 0.5)[0]] * 3


def test_card_ids_are_never_a_radiograph_s():
    import polars as pl

    ids = pl.Series(["abcdefghij", "abcde", "xyz"])
    assert sorted(card_ids(ids)) == ["a"]
