"""The twin from its files to the C++ runner, and its labels beside torchxrayvision's."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from egaze.sources import NihCxr14
from egaze.sources.nih_cxr14 import read_entries


def test_the_road(nih_twin, tmp_path):
    pytest.importorskip("torch")
    from sources.road import take_the_road

    source = NihCxr14(nih_twin.tables, nih_twin.images)
    study, metrics = take_the_road(source, tmp_path)
    assert study.labels.kind == "independent" and study.class_names == source.class_names
    assert list(metrics["classification"]["classes"]) == list(source.class_names)


def test_labels_are_those_of_torchxrayvision(nih_twin, tmp_path):
    xrv = pytest.importorskip("torchxrayvision")
    table = nih_twin.tables / "Data_Entry_2017_v2020.csv"
    theirs = xrv.datasets.NIH_Dataset(
        imgpath=str(nih_twin.images),
        csvpath=str(table),
        bbox_list_path=str(nih_twin.tables / "BBox_List_2017.csv"),
        views=["*"],
        unique_patients=False,
    )
    ours = {case.case_id: case for case in NihCxr14(nih_twin.tables, nih_twin.images).cases()}
    assert len(ours) == 22
    for row, image in enumerate(theirs.csv["Image Index"]):
        if (case := ours.get(image.removesuffix(".png"))) is not None:
            assert [case.certainties[name] for name in theirs.pathologies] == theirs.labels[row].tolist()
            assert case.patient_id == theirs.csv["patientid"][row]
            masks = theirs.get_mask_dict(image, 1024)
            assert {theirs.pathologies[place] for place in masks} == {region.name for region in case.regions}
            for region in case.regions:
                y, x = np.nonzero(masks[theirs.pathologies.index(region.name)][0])
                # It cuts the sides off to whole pixels.
                assert (x.min() - 0.5, y.min() - 0.5) == pytest.approx((region.x_min_px, region.y_min_px), abs=1)
                assert (x.max() + 0.5, y.max() + 0.5) == pytest.approx((region.x_max_px, region.y_max_px), abs=2)


def test_labels_of_the_published_table_are_those_of_torchxrayvision(tmp_path):
    xrv = pytest.importorskip("torchxrayvision")
    path = tmp_path / "Data_Entry_2017_v2020.csv"
    path.write_bytes(gzip.decompress((Path(xrv.datasets.datapath) / f"{path.name}.gz").read_bytes()))
    theirs = xrv.datasets.NIH_Dataset(imgpath=str(tmp_path), csvpath=str(path), views=["*"], unique_patients=False)
    entries = read_entries(path)
    assert entries["Image Index"].to_list() == theirs.csv["Image Index"].to_list() and len(entries) == 112_120
    present = [[name in labels.split("|") for name in theirs.pathologies] for labels in entries["Finding Labels"]]
    np.testing.assert_array_equal(np.array(present), theirs.labels == 1)


@pytest.mark.realdata
def test_real_radiographs_get_the_labels_and_boxes_of_the_published_tables(real_data, tmp_path):
    import polars as pl

    from egaze.study import prepare_study

    xrv = pytest.importorskip("torchxrayvision")
    for name in ("Data_Entry_2017_v2020.csv", "BBox_List_2017.csv"):
        packed = Path(xrv.datasets.datapath) / f"{name}.gz"
        (tmp_path / name).write_bytes(gzip.decompress(packed.read_bytes()))
    source = NihCxr14(tmp_path, real_data / "nih_cxr" / "png512")
    known = {row["image"]: row for row in pl.read_csv(real_data / "nih_cxr" / "labels.csv").iter_rows(named=True)}
    boxes = pl.read_csv(real_data / "nih_cxr" / "bboxes_1024px.csv")
    assert len(source.cases()) == len(list((real_data / "nih_cxr" / "png512").iterdir())) > 300
    found = []
    for case in source.cases():
        row = known[f"{case.case_id}.png"]
        present = {name for name, certainty in case.certainties.items() if certainty}
        assert present == set(row["finding_labels"].split("|")) - {"No Finding"}
        assert case.patient_id == str(row["patient_id"])
        found += [(f"{case.case_id}.png", region.name, region) for region in case.regions]
    names = boxes["label"].replace("Infiltrate", "Infiltration")
    by_image = dict(zip(zip(boxes["image"], names, strict=True), boxes.iter_rows(named=True), strict=True))
    assert found and {(image, name) for image, name, _ in found} <= by_image.keys()
    for image, name, region in found:
        row = by_image[image, name]
        assert (region.x_min_px, region.y_max_px) == pytest.approx((row["x"] - 0.5, row["y"] + row["h"] - 0.5))
    boxed = {image for image, _, _ in found}
    (tmp_path / "boxed").mkdir()
    for image in boxed:
        (tmp_path / "boxed" / image).symlink_to(real_data / "nih_cxr" / "png512" / image)
    study = prepare_study([NihCxr14(tmp_path, tmp_path / "boxed")], tmp_path / "study", size_px=64)
    assert study.manifest["gaze"]["scale_factors"] == [0.5, 0.5] and len(study) == len(boxed)
