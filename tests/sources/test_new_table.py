"""Tables to start from."""

import csv

import numpy as np
import pytest
from PIL import Image

from egaze.errors import SourceError, TableError
from egaze.sources import Table
from egaze.sources.new_table import write_new_table


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_examples_are_a_table(tmp_path):
    assert write_new_table(tmp_path / "mine") == 0
    source = Table(tmp_path / "mine" / "cases.csv", tmp_path / "mine" / "fixations.csv")
    assert [len(case.fixations) for case in source.cases()] == [2, 1]
    assert source.class_names == ("normal", "pneumonia")


def radiograph(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(path, format="png")


def test_a_folder_s_radiographs_are_listed(tmp_path):
    images = tmp_path / "radiographs"
    names = ["a.png", "b/a.PNG", "b/1.2.840.png", 'odd, "name".png', "c/\u3000x\u202fy.png", "d/na.png"]
    for name in names:
        radiograph(images / name)
    for name in ("b/dicom", "b/1.2.840.7"):
        (images / name).write_bytes(bytes(128) + b"DICM")
    for name in ("notes.txt", ".hidden.png", "b/other"):
        (images / name).write_bytes(b"x")
    (images / "again").symlink_to(images)
    assert write_new_table(tmp_path / "mine", images) == 8
    cases = tmp_path / "mine" / "cases.csv"
    found = rows(cases)
    assert {row["image"] for row in found} == {*names, "b/dicom", "b/1.2.840.7"} and len(
        {row["case_id"] for row in found}
    ) == 8
    assert {row["case_id"] for row in found} >= {"a", "b/a.PNG", "1.2.840", 'odd, "name"', "d/na.png", "dicom"}
    assert rows(tmp_path / "mine" / "fixations.csv") == []
    with pytest.raises(TableError, match="record 1, column 'patient_id' is empty"):
        Table(cases, images=images)
    lines = [",".join(f'"{row[name]}"'.replace('"odd, "name"', '"odd, ""name""') for name in row) for row in found]
    filled = [line.replace(',"","",', f',"p{number}","x",', 1) for number, line in enumerate(lines)]
    cases.write_text("\n".join([",".join(found[0]), *filled]) + "\n", encoding="utf-8")
    source = Table(cases, tmp_path / "mine" / "fixations.csv", images=images)
    assert all(case.image_path.is_file() for case in source.cases())


@pytest.mark.parametrize("name", ["cases.csv", "fixations.csv"])
def test_nothing_is_written_over(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(SourceError, match=f"{name}: already exists"):
        write_new_table(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_text() == "mine"


def test_folders_that_are_none_or_hold_no_radiograph(tmp_path):
    for images, message in ((tmp_path / "none", "no such folder"), (tmp_path, "contains no radiograph")):
        with pytest.raises(SourceError, match=message):
            write_new_table(tmp_path / "mine", images)
    assert not (tmp_path / "mine").exists()
