from dataclasses import replace

import numpy as np
import pytest
from study.ready_made import Cases

from egaze.errors import StudyError
from egaze.gaze import Fixations, rasterize_fixations
from egaze.sources import Case
from egaze.study import prepare_study
from egaze.targets import EgdHeatmap, FixationHeatmap, egd_target, no_gaze

SIZE_PX = 48
GAZE = Fixations([30, 70, 110], [20, 60, 45], [0.3, 0.9, 0.2])
OTHER = Fixations([90, 12], [10, 50], [0.5, 0.25], shown_px=[[50, 0, 119, 79], [-0.5, -0.5, 119.5, 79.5]])


@pytest.fixture(scope="module", params=["stretch", "letterbox"])
def made(request, tmp_path_factory):
    """Two readers of one radiograph, one of whom zoomed, and one without gaze."""
    folder = tmp_path_factory.mktemp("targets")
    np.save(folder / "radiograph.npy", np.random.default_rng(0).integers(0, 256, (80, 120), dtype=np.uint8))
    cases = [Case(name, "p", folder / "radiograph.npy", fixations=gaze) for name, gaze in (("a", GAZE), ("b", OTHER))]
    cases.append(Case("c", "q", folder / "radiograph.npy", label="normal"))
    return prepare_study([Cases(cases, class_names=("normal",))], folder / "study", size_px=64, fit=request.param)


@pytest.mark.parametrize("weight", ["duration", "count"])
def test_a_map_is_the_rasterizer_s(made, weight):
    target = FixationHeatmap(0.07, weight)
    for case_index in (0, 1):
        gaze = made.fixations(case_index, SIZE_PX)
        expected = rasterize_fixations(
            gaze, (SIZE_PX, SIZE_PX), sigma_px=0.07 * SIZE_PX, weight=weight, normalize="max"
        )
        np.testing.assert_array_equal(target.heatmap(made, [case_index], SIZE_PX), expected)
    assert not target.heatmap(made, [2], SIZE_PX).any()


def test_the_heatmap_of_several_readers_is_the_sum_of_theirs(made):
    target = FixationHeatmap()
    alone = [
        target.rasterize(made.fixations(case_index, SIZE_PX), SIZE_PX, normalize="none").astype(np.float64)
        for case_index in (0, 1)
    ]
    together = target.heatmap(made, [0, 1], SIZE_PX)
    assert together.max() == 1
    np.testing.assert_allclose(together, sum(alone) / sum(alone).max(), atol=1e-6)
    # Without a part shown, and with one that is all of the canvas, nothing changes by a bit.
    np.testing.assert_array_equal(target.heatmap(made, [0, 2], SIZE_PX), target.heatmap(made, [0], SIZE_PX))


def test_a_loader_is_given_the_same_gaze(made):
    target = FixationHeatmap(0.07)
    gaze = target.for_batches(made, SIZE_PX)
    assert gaze.finished is None and gaze.has_gaze.tolist() == [True, True, False]
    assert gaze.offsets.tolist() == [0, 3, 5, 5]
    for case_index, shown in ((0, None), (1, made.fixations(1, 64).shown_px)):
        recorded, rows = made.fixations(case_index, 64), gaze.fixations[gaze.offsets[case_index] :][: 3 - case_index]
        np.testing.assert_array_equal(
            rows[:, :3], np.stack([recorded.x_px, recorded.y_px, recorded.duration_s], axis=1)
        )
        assert (rows[:, 3:5] == np.float32(0.07 * 64)).all()
        np.testing.assert_array_equal(rows[:, 5:], [[-np.inf, -np.inf, np.inf, np.inf]] * 3 if shown is None else shown)
    none = no_gaze(made)
    assert not none.has_gaze.any() and len(none.fixations) == 0 and none.offsets.tolist() == [0] * 4


def test_the_baseline_s_map_of_several_readers(made):
    target = EgdHeatmap()
    if made.canvas.fit == "letterbox":
        with pytest.raises(StudyError, match="radiographs fitted by stretch, not by letterbox"):
            target.for_batches(made, SIZE_PX)
        return
    for cases in ([0], [1], [0, 1]):
        gaze = [(GAZE, OTHER)[case_index] for case_index in cases]
        x_px, y_px = (np.concatenate([getattr(each, name) for each in gaze]) for name in ("x_px", "y_px"))
        grey = egd_target(Fixations(x_px, y_px, np.ones(len(x_px))), (80, 120), SIZE_PX)
        np.testing.assert_array_equal(target.heatmap(made, cases, SIZE_PX), grey / np.float32(255))
    gaze = target.for_batches(made, SIZE_PX)
    np.testing.assert_array_equal(gaze.finished(1) / np.float32(255), target.heatmap(made, [1], SIZE_PX))
    assert gaze.has_gaze.tolist() == [True, True, False] and len(gaze.fixations) == 0
    assert not target.heatmap(made, [2], SIZE_PX).any()


def test_a_target_is_a_value():
    assert FixationHeatmap() == replace(FixationHeatmap(0.1), sigma_frac=0.05) and EgdHeatmap() == EgdHeatmap()
    assert FixationHeatmap().follows_views and not EgdHeatmap().follows_views
