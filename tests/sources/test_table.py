import numpy as np
import pytest
from PIL import Image

from egaze.errors import TableError
from egaze.sources import Table

CASES = """case_id,image,patient_id,label,split,note
a,films/a.png,p1,normal,train,x
b,films/b.png,p1,chf,train,y
c,films/c.png,p2,,,z
"""
FIXATIONS = "case_id,x_px,y_px,duration_s,onset_s\nc,5,6,0.2,1.0\nc,7.5,8,0.3,0.5\nc,1,1,0,2\na,1,2,0.1,0\n"


def write(tmp_path, cases=CASES, fixations=FIXATIONS):
    (tmp_path / "cases.csv").write_text(cases, encoding="utf-8")
    (tmp_path / "fixations.csv").write_text(fixations, encoding="utf-8")
    return tmp_path / "cases.csv", tmp_path / "fixations.csv"


def test_cases_and_fixations(tmp_path):
    source = Table(*write(tmp_path))
    a, b, c = source.cases()
    assert source.class_names == ("chf", "normal") and list(source.patient_order) == ["p1", "p2"]
    assert a.image_path == tmp_path / "films" / "a.png" and a.label == "normal" and a.split == "train"
    assert b.fixations is None and c.label is None and c.split is None
    # In time order, without the fixation that lasts no time.
    assert c.fixations.x_px.tolist() == [7.5, 5.0] and c.fixations.onset_s.tolist() == [0.5, 1.0]
    assert source.hygiene == {"fixations_dropped_no_duration": 1, "fixations_kept": 3}


def test_class_order_can_be_given(tmp_path):
    assert Table(*write(tmp_path), ["normal", "chf", "pneumonia"]).class_names == ("normal", "chf", "pneumonia")


def test_bom_and_windows_line_ends(tmp_path):
    source = Table(*write(tmp_path, "\ufeff" + CASES.replace("\n", "\r\n")))
    assert [case.case_id for case in source.cases()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("cases", "fixations", "message"),
    [
        ("case_id,image\na,a.png\n", FIXATIONS, r"cases\.csv: column 'patient_id' is missing from the header"),
        (CASES, "case_id,x_px,y_px\na,1,2\n", r"fixations\.csv: column 'duration_s' is missing"),
        (CASES, FIXATIONS.replace("7.5", "left"), r"fixations\.csv: record 2, column 'x_px' holds 'left'"),
        (CASES, FIXATIONS.replace("7.5", "nan"), "record 2, column 'x_px' holds 'nan', expected a number"),
        (CASES, FIXATIONS.replace("7.5", ""), "record 2, column 'x_px' is empty"),
        (CASES, FIXATIONS.replace("a,1", "q,1"), "record 4: no case 'q' in"),
        (CASES.replace("b,films", "a,films"), FIXATIONS, "record 2: case_id 'a' is there twice"),
        (CASES.replace("films/b.png", "../b.png"), FIXATIONS, r"record 2, column 'image': the path '\.\./b\.png'"),
        (CASES.replace("films/b.png", "/etc/passwd"), FIXATIONS, "does not stay inside"),
        (CASES.replace("films/b.png", "C:\\b.png"), FIXATIONS, "does not stay inside"),
        (CASES.replace(",chf,train", ",chf,exam"), FIXATIONS, "record 2: split 'exam' is not one of train"),
        (CASES.replace(",chf,train", ",chf,test"), FIXATIONS, "puts one patient on two sides"),
        (CASES, FIXATIONS.replace("c,", "a,"), "record 3: case 'c' has neither a label nor a fixation"),
        ("case_id,image,patient_id\n", FIXATIONS, "holds no case"),
        ("", FIXATIONS, "cannot read the table"),
    ],
)
def test_bad_tables_name_file_record_and_value(tmp_path, cases, fixations, message):
    with pytest.raises(TableError, match=message) as caught:
        Table(*write(tmp_path, cases, fixations))
    assert "\n" not in str(caught.value)


def test_missing_file_and_unknown_label(tmp_path):
    with pytest.raises(TableError, match=r"none\.csv: no such table"):
        Table(tmp_path / "none.csv")
    with pytest.raises(TableError, match="record 1: label 'normal' is not among chf"):
        Table(*write(tmp_path), ["chf"])


def test_windows_separators_are_understood(tmp_path):
    (tmp_path / "films").mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "films" / "a.png")
    source = Table(*write(tmp_path, CASES.replace("films/a.png", "films\\a.png")))
    assert source.cases()[0].image_path.is_file()
