"""Which regions are findings, and where they lie on the canvas."""

import numpy as np
import pytest
from PIL import Image
from study.ready_made import Cases

from egaze.errors import RadiographError, StudyError
from egaze.imaging import resize
from egaze.sources import Case, Mask, Region
from egaze.study import prepare_study
from egaze.study.findings import finding_mask, finding_regions

BOX = Region("cardiac silhouette", "box", 10, 5, 40, 45)
EDEMA = Region("Pulmonary edema", "ellipse", 20, 10, 60, 30, certainty=3)
OPACITY = Region("Consolidation", "ellipse", 70, 10, 90, 40)
FRACTURE = Region("Fracture", "ellipse", 2, 2, 8, 8, certainty=5)
REGIONS = (
    BOX,
    EDEMA,
    OPACITY,
    FRACTURE,
    Region("Groundglass opacity", "ellipse", 0, 0, 90, 40, certainty=2),
    Region("Support devices", "ellipse", 0, 0, 90, 40, certainty=5),
    Region("Quality issue", "ellipse", 0, 0, 90, 40),
)


@pytest.fixture(params=["stretch", "letterbox"])
def made(request, tmp_path):
    Image.fromarray(np.full((50, 100), 90, np.uint8)).save(tmp_path / "radiograph.png")
    names = ("a", "../up")
    cases = [Case(name, "p", tmp_path / "radiograph.png", label="chf", regions=REGIONS) for name in names]
    return prepare_study([Cases(cases)], tmp_path / "study", size_px=64, fit=request.param)


def test_the_class_says_which_ellipses_count(made):
    assert finding_regions(made, 0, "chf") == (EDEMA,)
    assert finding_regions(made, 0, "pneumonia") == (OPACITY,)
    assert finding_regions(made, 0, "normal") == ()
    assert finding_regions(made, 0, "pneumothorax") == finding_regions(made, 0, None) == (EDEMA, OPACITY, FRACTURE)


def test_the_mask_lies_where_the_radiograph_does(made):
    size_px = 200
    mask = finding_mask(made, 0, size_px, "chf")
    place = made.geometry(0, size_px)
    y, x = np.nonzero(mask)
    x_px = (x.mean() + 0.5 - place.left_px) / place.width_px * 100 - 0.5
    y_px = (y.mean() + 0.5 - place.top_px) / place.height_px * 50 - 0.5
    assert (x_px, y_px) == pytest.approx((40, 20), abs=0.3)
    area_px = mask.sum() / (place.width_px * place.height_px) * 5000
    assert area_px == pytest.approx(np.pi * 20 * 10, rel=0.02)
    assert finding_mask(made, 0, size_px, "normal") is None


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
def test_a_region_may_be_a_mask_of_any_resolution(tmp_path, fit):
    Image.fromarray(np.full((50, 100), 90, np.uint8)).save(tmp_path / "radiograph.png")
    pixels = np.zeros((100, 200), bool)
    pixels[20:60, 100:120] = True
    pixels[40:60, 120:160] = True
    regions = (BOX, Region.of_mask("Pneumothorax", Mask.of(pixels)))
    case = Case("a", "p", tmp_path / "radiograph.png", label="chf", regions=regions, radiograph_size_px=(200, 100))
    study = prepare_study([Cases([case])], tmp_path / "study", size_px=64, fit=fit)
    region = study.regions(0)[1]
    assert region.mask == regions[1].mask and study.regions(0)[0].mask is None
    # The sides are in pixels of the radiograph, which has half the grid's.
    assert (region.x_min_px, region.y_min_px, region.x_max_px, region.y_max_px) == (49.5, 9.5, 79.5, 29.5)
    assert finding_regions(study, 0, "pneumothorax") == (region,)
    mask = finding_mask(study, 0, 100, None)
    geometry = study.geometry(0, 100)
    expected = np.zeros((100, 100), bool)
    part = resize(pixels.astype(np.uint8), (geometry.height_px, geometry.width_px), out_dtype=np.float32) >= 0.5
    geometry.cut_out(expected)[:] = part
    assert np.array_equal(mask, expected) and mask.sum() == pytest.approx(1600 / 20000 * part.size, rel=0.05)


def test_a_mask_smaller_than_a_pixel_of_the_canvas_has_one(tmp_path):
    Image.fromarray(np.full((100, 100), 90, np.uint8)).save(tmp_path / "radiograph.png")
    pixels = np.zeros((100, 100), bool)
    pixels[81, 33] = True
    case = Case("a", "p", tmp_path / "radiograph.png", label="chf", regions=(Region.of_mask("dot", Mask.of(pixels)),))
    study = prepare_study([Cases([case])], tmp_path / "study", size_px=16)
    assert np.argwhere(finding_mask(study, 0, 10, None)).tolist() == [[8, 3]]


def test_masks_from_a_folder(made, tmp_path):
    picture = np.zeros((50, 100), np.uint8)
    picture[10:20, 40:80] = 255
    folder = tmp_path / "masks"
    folder.mkdir()
    assert finding_mask(made, 0, 64, "chf", folder=folder) is None
    Image.fromarray(picture).save(folder / "a.png")
    mask = finding_mask(made, 0, 64, "normal", folder=folder)
    place, expected = made.geometry(0, 64), np.zeros((64, 64), bool)
    rows, columns = slice(place.top_px, place.top_px + place.height_px), slice(place.left_px, None)
    share = resize(picture / np.float32(255), (place.height_px, place.width_px))
    expected[rows, columns][:, : place.width_px] = share > 0.5
    np.testing.assert_array_equal(mask, expected)
    Image.fromarray(np.zeros_like(picture)).save(folder / "a.png")
    assert finding_mask(made, 0, 64, "chf", folder=folder) is None


def test_bad_masks(made, tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    Image.fromarray(np.zeros((100, 50), np.uint8)).save(folder / "a.png")
    with pytest.raises(StudyError, match=r"a.png: the mask has \(100, 50\) pixels, its radiograph \(50, 100\)"):
        finding_mask(made, 0, 64, "chf", folder=folder)
    (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n junk")
    with pytest.raises(RadiographError, match="a.png: damaged PNG"):
        finding_mask(made, 0, 64, "chf", folder=folder)
    # A case id that leads out of the folder is not followed.
    (tmp_path / "up.png").write_bytes(b"junk")
    assert finding_mask(made, 1, 64, "chf", folder=folder) is None


def test_an_independent_class_has_the_regions_of_its_name_boxes_too(tmp_path):
    Image.fromarray(np.full((50, 100), 90, np.uint8)).save(tmp_path / "radiograph.png")
    certainties = {"Fracture": 1.0, "cardiac  Silhouette": 0.0, "chf": 0.0, "Mass": 1.0}
    case = Case("a", "p", tmp_path / "radiograph.png", certainties=certainties, regions=REGIONS)
    study = prepare_study([Cases([case], class_names=tuple(certainties))], tmp_path / "study", size_px=64)
    assert finding_regions(study, 0, "Fracture") == (FRACTURE,)
    assert finding_regions(study, 0, "cardiac  Silhouette") == (BOX,)
    assert finding_regions(study, 0, "chf") == (EDEMA,)
    assert finding_regions(study, 0, "Mass") == () and finding_mask(study, 0, 64, "Mass") is None
    assert finding_regions(study, 0, None) == (BOX, EDEMA, OPACITY, FRACTURE)
