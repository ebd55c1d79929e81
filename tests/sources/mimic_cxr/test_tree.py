import shutil

import pytest

from egaze.errors import TableError
from egaze.sources import EgdCxr
from egaze.sources.mimic_cxr import radiograph_path

CELL = "files/p10/p10000032/s50414267/abc.dcm"
REFLACX_CELL = f"physionet.org/files/mimic-cxr/2.0.0/{CELL}"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "mimic" / CELL).parent.mkdir(parents=True)
    return tmp_path / "mimic"


@pytest.mark.parametrize("cell", [CELL, REFLACX_CELL, REFLACX_CELL.replace("/", "\\")])
@pytest.mark.parametrize("given", ["", "files"])
def test_dicom_first_then_jpeg_then_the_dicom_that_is_missing(root, cell, given):
    dicom = root / CELL
    assert radiograph_path(root / given, cell, "here") == dicom and not dicom.exists()
    dicom.with_suffix(".jpg").touch()
    assert radiograph_path(root / given, cell, "here") == dicom.with_suffix(".jpg")
    dicom.touch()
    assert radiograph_path(root / given, cell, "here") == dicom


def test_the_tree_may_be_a_link_of_another_name(root):
    link = root.parent / "radiographs"
    link.symlink_to(root / "files", target_is_directory=True)
    assert radiograph_path(link, CELL, "here") == link / "p10/p10000032/s50414267/abc.dcm"


def test_a_path_outside_the_tree_s_form_is_taken_as_it_is(root):
    assert radiograph_path(root, "mine/abc.dcm", "here") == root / "mine" / "abc.dcm"
    (root / "mine").mkdir()
    (root / "mine" / "abc.jpg").touch()
    assert radiograph_path(root, "mine/abc.dcm", "here") == root / "mine" / "abc.jpg"


@pytest.mark.parametrize("cell", [".", "files/", "files", "files/p10", "mine/abc.png", "x" * 5000 + ".dcm"])
def test_files_outside_the_root_are_not_looked_for(root, cell):
    root.with_suffix(".jpg").touch()
    (root / "files.jpg").touch()
    (root / "mine").mkdir()
    (root / "mine" / "abc.jpg").touch()
    assert radiograph_path(root, cell, "here").suffix != ".jpg"


@pytest.mark.parametrize("cell", ["../" + CELL, "/" + CELL, "files/../../x.dcm", "C:\\files\\x.dcm", "files/\0.dcm"])
def test_a_path_that_leaves_the_root_is_refused(root, cell):
    with pytest.raises(TableError, match="record 7: the path .* does not stay inside"):
        radiograph_path(root, cell, "record 7")


def test_egd_cxr_reads_a_jpeg_root(twin, tmp_path):
    paths = [case.image_path for case in EgdCxr(twin.tables, twin.images).cases()]
    jpegs = []
    for path in paths[1:]:
        place = tmp_path / path.relative_to(twin.images).with_suffix(".jpg")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
        jpegs.append(place)
    shutil.copy(paths[1], jpegs[0].with_suffix(".dcm"))
    found = [case.image_path for case in EgdCxr(twin.tables, tmp_path).cases()]
    assert found[2:] == jpegs[1:] and found[1] == jpegs[0].with_suffix(".dcm")
    # One that is not there is named by the path it should have.
    assert found[0] == tmp_path / paths[0].relative_to(twin.images) and not found[0].exists()
    assert [case.image_path for case in EgdCxr(twin.tables, tmp_path / "files").cases()] == found
