import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from egaze.errors import StudyError
from egaze.imaging import read_radiograph
from egaze.loading import Augmentation, DeviceLoader
from egaze.sources import EgdCxr
from egaze.targets import EgdHeatmap, FixationHeatmap, egd, egd_target
from egaze.training import train

SIZE_PX = 32
EGD = EgdHeatmap()
STILL = Augmentation(rotation_deg=0.0, zoom=0.0, shift_frac=0.0, shear_deg=0.0)


def load(study, cases, target=EGD, **options):
    return DeviceLoader(study, cases, batch_size=5, size_px=SIZE_PX, target=target, shuffle=True, seed=1, **options)


def test_heatmaps_are_the_baseline_s_of_the_source_s_own_gaze(twin, study):
    cases = np.arange(3, 15)
    plain, loader = load(study, cases, FixationHeatmap()), load(study, cases, threads=2)
    of_source = {case.case_id: case for case in EgdCxr(twin.tables, twin.images).cases()}
    plain.set_epoch(2)
    loader.set_epoch(2)
    seen = []
    for ours, own in zip(loader, plain, strict=True):
        assert torch.equal(ours.image, own.image) and torch.equal(ours.case_index, own.case_index)
        assert ours.heatmap.dtype == torch.float32 and ours.heatmap.shape == own.heatmap.shape
        for heatmap, case_index in zip(ours.heatmap[:, 0], ours.case_index.tolist(), strict=True):
            case = of_source[study.case_ids[case_index]]
            image_shape = read_radiograph(case.image_path).pixels.shape
            expected = egd_target(case.fixations, image_shape, SIZE_PX)
            assert torch.equal(heatmap, torch.from_numpy(expected).float() / 255)
            seen.append(case_index)
    assert len(loader) == len(plain) == 3 and sorted(seen) == cases.tolist()


def test_a_case_without_gaze_has_an_empty_map(study):
    cases = np.arange(4)
    offsets = study.offsets.copy()
    offsets[2] = offsets[1]  # case 1 loses its gaze, case 2 takes it
    batch = next(iter(load(replace(study, offsets=offsets), cases)))
    assert not batch.has_gaze[batch.case_index == 1].any() and batch.has_gaze.sum() == 3
    assert not batch.heatmap[~batch.has_gaze].any() and (batch.heatmap[batch.has_gaze] > 0.1).all()


def test_images_must_lie_where_the_maps_are(study):
    for name, value in {"rotation_deg": 1.0, "zoom": 0.1, "shift_frac": 0.1, "shear_deg": 1.0, "mirror": True}.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            moving = replace(STILL, **{name: value})
        with pytest.raises(ValueError, match=f"EgdHeatmap cannot follow a view that moves the image: .*{name}"):
            load(study, np.arange(4), augmentation=moving)
    dimmed = next(iter(load(study, np.arange(4), augmentation=STILL)))
    plain = next(iter(load(study, np.arange(4))))
    assert torch.equal(dimmed.heatmap, plain.heatmap) and not torch.equal(dimmed.image, plain.image)
    letterboxed = replace(study, manifest={**study.manifest, "fit": "letterbox"})
    for made in (lambda: load(letterboxed, np.arange(4)), lambda: EGD.heatmap(letterboxed, [0], SIZE_PX)):
        with pytest.raises(StudyError, match="heatmap_target egd needs radiographs fitted by stretch"):
            made()


def test_a_map_is_made_once(study, monkeypatch):
    asked = []
    grey = egd._grey

    def counted(study, case_indices, size_px, sigma_px, *, threads):
        asked.append(case_indices)
        return grey(study, case_indices, size_px, sigma_px, threads=threads)

    monkeypatch.setattr(egd, "_grey", counted)
    loader = load(study, np.arange(7))
    assert asked == []
    for epoch in range(3):
        loader.set_epoch(epoch)
        list(loader)
    assert sorted(asked) == [[case_index] for case_index in range(7)]


def test_training_towards_them(study, tiny_recipe, tmp_path):
    stage = replace(tiny_recipe.stages[0], epochs=1)
    recipe = replace(tiny_recipe, heatmap_target="egd", augmentation=STILL, stages=(stage,))
    entry = train(study, recipe, tmp_path / "run", device="cpu").log()[0]
    usual = train(study, replace(recipe, heatmap_target="gaze"), tmp_path / "usual", device="cpu").log()[0]
    assert np.isfinite(entry.losses["heatmap"])
    assert entry.train_losses["heatmap"] != usual.train_losses["heatmap"]


def test_a_blur_for_other_sizes_is_said(study, tiny_recipe, tmp_path, caplog):
    stage = replace(tiny_recipe.stages[0], epochs=1)
    recipe = replace(tiny_recipe, heatmap_target="egd", augmentation=STILL, stages=(stage,))
    train(study, recipe, tmp_path / "wide", device="cpu")
    assert "egd_sigma_px 150 is 1.562 of the radiographs' long side" in caplog.text
    assert "--set egd_sigma_px=5\n" in caplog.text
    caplog.clear()
    train(study, replace(recipe, egd_sigma_px=5.0), tmp_path / "scaled", device="cpu")
    assert "egd_sigma_px" not in caplog.text
    assert EgdHeatmap(5.0).sigma_frac(study) == pytest.approx(5 / 96)
    narrow, wide = (EgdHeatmap(sigma_px).heatmap(study, [0], SIZE_PX) for sigma_px in (5.0, 150.0))
    assert np.mean(narrow > 0.5) < np.mean(wide > 0.5)


def test_letterboxed_images_are_refused(study, tiny_recipe, tmp_path):
    letterboxed = replace(study, manifest={**study.manifest, "fit": "letterbox"})
    recipe = replace(tiny_recipe, heatmap_target="egd", augmentation=STILL)
    with pytest.raises(StudyError, match="needs radiographs fitted by stretch, not by letterbox"):
        train(letterboxed, recipe, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()
