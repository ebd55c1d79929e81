import json
import os
import shutil

import numpy as np
import polars as pl
import pytest
from PIL import Image
from study.ready_made import files

from egaze.errors import EgazeError, StudyError
from egaze.imaging import Canvas, read_radiograph, resize
from egaze.sources import EgdCxr, Table
from egaze.study import open_study, prepare_study, verify_study


@pytest.fixture
def copy(study, tmp_path):
    shutil.copytree(study.path, tmp_path / "study")
    return tmp_path / "study"


def test_radiographs_are_on_their_canvas(study, twin):
    for index in (0, 17, 40):
        case = EgdCxr(twin.tables, twin.images).cases()[index]
        radiograph = read_radiograph(case.image_path).pixels
        expected = resize(radiograph, (64, 64))
        np.testing.assert_allclose(study.images[index] / 65535.0, expected, atol=1 / 65535)
        assert study.case_ids[index] == case.case_id


def test_fixations_are_in_unit_coordinates(study, twin):
    case = EgdCxr(twin.tables, twin.images).cases()[5]
    fixations = study.fixations(5, 64)
    height, width = study.cases["height_px"][5], study.cases["width_px"][5]
    np.testing.assert_allclose((fixations.x_px + 0.5) / 64, (case.fixations.x_px + 0.5) / width, rtol=1e-5)
    np.testing.assert_allclose((fixations.y_px + 0.5) / 64, (case.fixations.y_px + 0.5) / height, rtol=1e-5)
    np.testing.assert_array_equal(fixations.duration_s, case.fixations.duration_s)


def test_workers_do_not_matter_and_no_identity_is_stored(study, twin, tmp_path):
    source = EgdCxr(twin.tables, twin.images)
    prepare_study([source], tmp_path / "again", size_px=64, workers=1)
    assert files(tmp_path / "again") == files(study.path)
    tables = {f"{name}.parquet" for name in ("cases", "fixations", "regions", "phrases")}
    assert files(study.path).keys() == {"study.json", "images.npy", "splits.json", *tables}
    columns = {name: values.to_list() for name, values in study.cases.to_dict().items()}
    stored = json.dumps([study.manifest, columns])
    assert not any(patient in stored for patient in source.patient_order)


def test_verify_study_names_damaged_files(copy):
    assert verify_study(copy) == []
    raw = bytearray((copy / "images.npy").read_bytes())
    raw[-1] ^= 1
    (copy / "images.npy").write_bytes(raw)
    (copy / "cases.parquet").unlink()
    for name in ("regions", "phrases"):
        with (copy / f"{name}.parquet").open("ab") as file:
            file.write(b"x")
    assert verify_study(copy) == ["images.npy", "cases.parquet", "regions.parquet", "phrases.parquet"]


@pytest.mark.parametrize("name", ["images.npy", "cases.parquet", "fixations.parquet", "regions.parquet"])
def test_changed_files_do_not_open(copy, name):
    """Each is sound by itself and fits the others in shape."""
    open_study(copy)
    if name == "images.npy":
        np.save(copy / name, np.load(copy / name)[::-1])
    else:
        table = pl.read_parquet(copy / name)
        changed = next(column for column, kind in table.schema.items() if kind.is_float() or kind == pl.String)
        table.with_columns(pl.col(changed).reverse()).write_parquet(copy / name)
    with pytest.raises(StudyError, match=f"{name}: damaged or changed since the study was prepared"):
        open_study(copy)


def test_radiographs_that_are_not_used_need_not_be_checked(copy):
    raw = bytearray((copy / "images.npy").read_bytes())
    raw[-1] ^= 1
    (copy / "images.npy").write_bytes(raw)
    assert len(open_study(copy, check_images=False)) == 48
    with pytest.raises(StudyError, match=r"images\.npy: damaged or changed"):
        open_study(copy)


def test_the_check_reports_its_progress(copy):
    told = []
    open_study(copy, progress=lambda done, total: told.append((done, total)))
    size = (copy / "images.npy").stat().st_size
    assert told[-1] == (size, size)


@pytest.mark.parametrize("change", [-1, -4096, -300_000, 1])
def test_images_that_were_cut_or_grown_do_not_open(copy, change):
    """A map of a file that is too short would end the process."""
    path = copy / "images.npy"
    os.truncate(path, path.stat().st_size + change)
    for check_images in (True, False):
        with pytest.raises(StudyError, match=r"damaged study: .*"):
            open_study(copy, check_images=check_images)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: (d / "study.json").unlink(), r"not a prepared study: study\.json is missing"),
        (lambda d: (d / "study.json").write_text("{"), r"study\.json: cannot be read"),
        (lambda d: (d / "study.json").write_text('{"format_version": 9}'), "format version 9, this egaze reads 4"),
        (
            lambda d: (d / "study.json").write_text('{"format_version": 1}'),
            r"older egaze \(format version 1\): prepare it",
        ),
        (
            lambda d: (d / "study.json").write_text('{"format_version": 2}'),
            r"older egaze \(format version 2\): prepare it",
        ),
        (lambda d: (d / "study.json").write_text('{"format_version": 2}'), "format version 2.*: prepare it again"),
        (lambda d: (d / "images.npy").write_bytes(b"junk"), "damaged study"),
        (lambda d: np.save(d / "images.npy", np.zeros((3, 64, 64), np.uint16)), "does not match 48 cases"),
        (lambda d: np.save(d / "images.npy", np.array([{}]), allow_pickle=True), "damaged study"),
        (lambda d: (d / "cases.parquet").write_bytes(b"PAR1"), "damaged study"),
        (lambda d: (d / "splits.json").unlink(), r"splits\.json is missing"),
        (lambda d: (d / "splits.json").write_text('{"format_version": 4}'), "malformed split"),
        (
            lambda d: pl.read_parquet(d / "fixations.parquet").head(5).write_parquet(d / "fixations.parquet"),
            r"fixations\.parquet: does not match",
        ),
        (lambda d: (d / "phrases.parquet").unlink(), "damaged study"),
        (
            lambda d: pl.DataFrame({"case_index": [0], "name": ["heart"]}).write_parquet(d / "regions.parquet"),
            r"regions\.parquet: does not match",
        ),
        (
            lambda d: pl.read_parquet(d / "cases.parquet").drop("regions").write_parquet(d / "cases.parquet"),
            "damaged study: .*regions",
        ),
    ],
)
def test_a_damaged_study_does_not_open(copy, damage, message):
    damage(copy)
    with pytest.raises(StudyError, match=message):
        open_study(copy)


def test_the_output_must_be_free(copy, twin):
    before = files(copy)
    with pytest.raises(EgazeError, match="already exists"):
        prepare_study([EgdCxr(twin.tables, twin.images)], copy, size_px=32)
    assert files(copy) == before


def test_two_sources_make_one_study(tmp_path):
    for name in ("a", "b"):
        Image.fromarray(np.full((8, 6), 100, np.uint8)).save(tmp_path / f"{name}.png")
    (tmp_path / "radiographs.csv").write_text("case_id,image,patient_id,label\na,a.png,p,sick\n")
    (tmp_path / "scenes.csv").write_text("case_id,image,patient_id\nb,b.png,p\n")
    (tmp_path / "gaze.csv").write_text("case_id,x_px,y_px,duration_s\nb,2,3,0.2\n")
    sources = [Table(tmp_path / "radiographs.csv"), Table(tmp_path / "scenes.csv", tmp_path / "gaze.csv")]
    study = prepare_study(sources, tmp_path / "study", size_px=16)
    assert study.labels.values.tolist() == [0, -1] and study.has_gaze.tolist() == [False, True]
    # The same name in two sources is two patients.
    assert len(set(study.patients.tolist())) == 2
    again = Table(tmp_path / "radiographs.csv")
    with pytest.raises(StudyError, match="case 'a' is in two sources"):
        prepare_study([again, again], tmp_path / "twice", size_px=16)


@pytest.mark.parametrize("size_px", [15, 4097])
def test_sizes_out_of_range(twin, tmp_path, size_px):
    with pytest.raises(StudyError, match=f"got {size_px}"):
        prepare_study([EgdCxr(twin.tables, twin.images)], tmp_path / "out", size_px=size_px)


@pytest.mark.parametrize("option", [{"fit": "crop"}, {"presentation": "loud"}], ids=str)
def test_an_unknown_canvas_is_refused_before_a_radiograph_is_read(twin, tmp_path, option):
    with pytest.raises(StudyError, match=f"{next(iter(option))} must be one of "):
        prepare_study([EgdCxr(twin.tables, twin.images)], tmp_path / "study", **option)
    assert list(tmp_path.iterdir()) == []


def test_a_study_says_its_canvas(study, copy):
    assert study.canvas == Canvas.square(64) and study.canvas.shape == study.images.shape[1:]
    assert study.geometry(3, 32) == Canvas.square(32).geometry(
        (study.cases["height_px"][3], study.cases["width_px"][3])
    )
    manifest = json.loads((copy / "study.json").read_text())
    (copy / "study.json").write_text(json.dumps({**manifest, "fit": "crop"}))
    with pytest.raises(StudyError, match="damaged study: fit must be one of stretch, letterbox, got 'crop'"):
        open_study(copy)


def test_a_case_s_fixations_come_with_onsets_and_degrees_of_the_canvas(tmp_path):
    np.save(tmp_path / "radiograph.npy", np.zeros((40, 80), np.uint8))
    (tmp_path / "cases.csv").write_text("case_id,image,patient_id\na,radiograph.npy,p\n")
    (tmp_path / "gaze.csv").write_text(
        "case_id,x_px,y_px,duration_s,onset_s,pixels_per_degree\na,39.5,9.5,0.25,1.5,10\na,0,0,0.5,0.5,20\n"
    )
    source = Table(tmp_path / "cases.csv", tmp_path / "gaze.csv")
    stretched = prepare_study([source], tmp_path / "stretch", size_px=20).fixations(0, 40)
    assert stretched.onset_s.tolist() == [0.5, 1.5] and stretched.duration_s.tolist() == [0.5, 0.25]
    assert (stretched.x_px[1], stretched.y_px[1]) == pytest.approx((19.5, 9.5))
    assert stretched.pixels_per_degree.tolist() == [[10, 20], [5, 10]]  # 80 to 40 px wide, 40 to 40 px high
    boxed = prepare_study([source], tmp_path / "letterbox", size_px=20, fit="letterbox").fixations(0, 40)
    assert boxed.pixels_per_degree.tolist() == [[10, 10], [5, 5]]
