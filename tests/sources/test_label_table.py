import pytest

from egaze.errors import TableError
from egaze.sources import Table

CASES = "case_id,image,patient_id\na,a.png,p\nb,b.png,q\nc,c.png,r\n"
LABELS = "case_id,effusion,nodule\na,1,-1\nb,0.0,0.75\nc,NA,1\n"


def write(tmp_path, labels=LABELS, cases=CASES):
    (tmp_path / "cases.csv").write_text(cases, encoding="utf-8")
    (tmp_path / "findings.csv").write_text(labels, encoding="utf-8")
    return tmp_path / "cases.csv"


def read(tmp_path, class_names=None, **texts):
    return Table(write(tmp_path, **texts), class_names=class_names, labels=tmp_path / "findings.csv")


def test_labels_of_several_classes(tmp_path):
    source = read(tmp_path)
    assert source.class_names == ("effusion", "nodule") and source.options == {"labels": "independent"}
    assert [case.certainties for case in source.cases()] == [
        {"effusion": 1, "nodule": 0.5},
        {"effusion": 0, "nodule": 0.75},
        {"nodule": 1},
    ]
    assert all(case.label is None for case in source.cases())
    assert source.hygiene == {"labels_such_as_NA_read_as_unknown": 1, "labels_of_-1_read_as_uncertain": 1}


def test_the_order_of_classes_and_what_is_left_out_can_be_given(tmp_path):
    source = read(tmp_path, ["nodule"], labels="case_id,effusion,nodule\na,what,1\nb,,0\nc,,1\n")
    assert source.class_names == ("nodule",) and source.cases()[1].certainties == {"nodule": 0}
    assert read(tmp_path, ["nodule", "effusion"]).class_names == ("nodule", "effusion")


def test_the_table_of_cases_may_have_the_labels(tmp_path):
    cases = "case_id,image,patient_id,split,effusion\na,a.png,p,train,1\nb,b.png,q,test,0\n"
    path = write(tmp_path, cases=cases)
    source = Table(path, labels=path)
    assert source.class_names == ("effusion",) and source.cases()[0].split == "train"


def test_rows_may_be_missing_where_there_is_gaze(tmp_path):
    (tmp_path / "gaze.csv").write_text("case_id,x_px,y_px,duration_s\nc,3,4,0.5\n")
    path = write(tmp_path, labels="case_id,effusion\na,1\nb,0\n")
    source = Table(path, tmp_path / "gaze.csv", labels=tmp_path / "findings.csv")
    assert source.cases()[2].certainties == {} and source.hygiene["cases_without_a_row_of_labels"] == 1
    with pytest.raises(TableError, match="record 3: case 'c' has neither a label nor a fixation"):
        Table(path, labels=tmp_path / "findings.csv")


@pytest.mark.parametrize(
    ("labels", "class_names", "message"),
    [
        (
            LABELS.replace("a,1", "a,2"),
            None,
            r"findings\.csv: record 1, column 'effusion' holds '2', expected 1 ",
        ),
        (LABELS.replace("0.75", "-0.5"), None, "record 2, column 'nodule' holds '-0.5'"),
        (LABELS.replace("0.75", "yes"), ["nodule"], "record 2, column 'nodule' holds 'yes'"),
        (LABELS.replace("0.75", "Ann Lee"), None, "column 'nodule' holds a text, .*; if the column is no class, name"),
        (
            LABELS.replace("nodule", "subject_id"),
            None,
            "column 'subject_id' identifies patients; name the classes",
        ),
        (LABELS.replace("0.75", "inf"), None, "record 2, column 'nodule' holds 'inf'"),
        (LABELS, ["effusion", "nodul"], r"class 'nodul' is no column of the header \(line 1\); did you mean 'nodule'"),
        (LABELS, ["fracture"], "class 'fracture' is no column .* its columns are case_id, effusion, nodule"),
        (LABELS, ["effusion", "effusion"], "class names must differ, and 'effusion' is given twice"),
        (LABELS, ["case_id"], "column 'case_id' describes the case and cannot be a class"),
        (LABELS.replace("nodule", "effusion"), None, "column 'effusion' occurs twice in the header"),
        (LABELS.replace("nodule", "Effusion"), None, "class names must differ in more than case and spaces"),
        (LABELS.replace("c,NA", "x,NA"), None, "record 3: no case 'x' in the table of cases"),
        (LABELS.replace("c,NA", "a,NA"), None, "record 3: case_id 'a' occurs twice"),
        ("case_id,effusion\na,\nb,NA\nc,\n", None, "no case has a label: every cell of effusion is empty"),
        (
            "case_id,effusion,nodule\na,1,\nb,0,\nc,0,\n",
            None,
            "column 'nodule' has no label in any record",
        ),
        ("case_id\na\n", None, "has no column of labels beside case_id"),
    ],
)
def test_bad_tables_name_file_record_column_and_value(tmp_path, labels, class_names, message):
    with pytest.raises(TableError, match=message) as caught:
        read(tmp_path, class_names, labels=labels)
    assert "\n" not in str(caught.value)


def test_labels_of_both_kinds_are_refused(tmp_path):
    cases = "case_id,image,patient_id,label\na,a.png,p,\nb,b.png,q,chf\nc,c.png,r,\n"
    with pytest.raises(TableError, match=r"cases\.csv: record 2, column 'label' holds 'chf', but .*findings\.csv has"):
        read(tmp_path, cases=cases)
