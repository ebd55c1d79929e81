import numpy as np
import pytest
from PIL import Image

from egaze.errors import TableError
from egaze.sources import Table

CASES = """case_id,image,patient_id,label,split,note
a,radiographs/a.png,p1,normal,train,x
b,radiographs/b.png,p1,chf,train,y
c,radiographs/c.png,p2,,,z
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
    assert a.image_path == tmp_path / "radiographs" / "a.png" and a.label == "normal" and a.split == "train"
    assert b.fixations is None and c.label is None and c.split is None
    # In time order, without the fixation that lasts no time.
    assert c.fixations.x_px.tolist() == [7.5, 5.0] and c.fixations.onset_s.tolist() == [0.5, 1.0]
    assert source.hygiene == {"fixations_dropped_no_duration": 1, "fixations_kept": 3}


PARTS = "case_id,x_px,y_px,duration_s,x_min_shown_px,y_min_shown_px,x_max_shown_px,y_max_shown_px\n"


def test_the_part_shown(tmp_path):
    rows = "a,1,2,0.1,,,,\nc,5,6,0.2,-0.5,1.5,9.5,8\nc,7,8,0.3,0,0,4,4\n"
    a, _, c = Table(*write(tmp_path, fixations=PARTS + rows)).cases()
    assert a.fixations.shown_px is None and c.fixations.shown_px.tolist() == [[-0.5, 1.5, 9.5, 8], [0, 0, 4, 4]]
    assert c.fixations.on_shown.tolist() == [True, False]


@pytest.mark.parametrize(
    ("fixations", "message"),
    [
        ("case_id,x_px,y_px,duration_s,x_max_shown_px\na,1,2,0.1,3\n", "has column 'x_max_shown_px' and no 'x_min_sh"),
        (PARTS + "a,1,2,0.1,0,0,,3\n", r"record 1 has some sides of the part shown, and not all four"),
        (PARTS + "a,1,2,0.1,0,0,3,3\na,1,2,0.1,,,,\n", r"record 2 has a part shown where the case's first"),
        (PARTS + "a,1,2,0.1,3,0,0,3\n", r"record 1 has a part shown whose minimum lies above its maximum"),
    ],
)
def test_parts_shown_that_cannot_be(tmp_path, fixations, message):
    with pytest.raises(TableError, match=message):
        Table(*write(tmp_path, fixations=fixations))


@pytest.mark.parametrize("name", ["onset_s", "pixels_per_degree"])
def test_a_value_is_given_for_all_fixations_of_a_case_or_for_none(tmp_path, name):
    head = f"case_id,x_px,y_px,duration_s,{name}\n"
    a, _, c = Table(*write(tmp_path, fixations=head + "a,1,2,0.1,\nc,1,2,0.1,2\nc,3,4,0.1,2\na,3,4,0.1,\n")).cases()
    assert getattr(a.fixations, name) is None and getattr(c.fixations, name) is not None
    for rows, said in (("c,1,2,0.1,2\nc,3,4,0.1,\n", "an empty"), ("c,1,2,0.1,\nc,3,4,0.1,2\n", "a value of")):
        with pytest.raises(TableError, match=f"fixations.csv: record 2 has {said} '{name}', unlike the case's first"):
            Table(*write(tmp_path, fixations=head + rows))


def test_class_order_can_be_given(tmp_path):
    assert Table(*write(tmp_path), ["normal", "chf", "pneumonia"]).class_names == ("normal", "chf", "pneumonia")


def test_bom_and_windows_line_ends(tmp_path):
    source = Table(*write(tmp_path, "\ufeff" + CASES.replace("\n", "\r\n")))
    assert [case.case_id for case in source.cases()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("cases", "fixations", "message"),
    [
        ("case_id,image\na,a.png\n", FIXATIONS, r"cases\.csv: column 'patient_id' is missing from the header"),
        (CASES, "case_id,x_px,y_px\na,1,2\n", r"'duration_s' \(or 'duration_relative'\) is missing"),
        (CASES, FIXATIONS.replace("7.5", "left"), r"fixations\.csv: record 2, column 'x_px' holds 'left'"),
        (CASES, FIXATIONS.replace("7.5", "nan"), "record 2, column 'x_px' holds 'nan', expected a number"),
        (CASES, FIXATIONS.replace("7.5", ""), "record 2, column 'x_px' is empty"),
        (CASES, FIXATIONS.replace("a,1", "q,1"), "record 4: no case 'q' in"),
        (CASES.replace("b,radiographs", "a,radiographs"), FIXATIONS, "record 2: case_id 'a' occurs twice"),
        (
            CASES.replace("radiographs/b.png", "../b.png"),
            FIXATIONS,
            r"record 2, column 'image': the path '\.\./b\.png'",
        ),
        (CASES.replace("radiographs/b.png", "/etc/passwd"), FIXATIONS, "does not stay inside"),
        (CASES.replace("radiographs/b.png", "C:\\b.png"), FIXATIONS, "does not stay inside"),
        (CASES.replace(",chf,train", ",chf,exam"), FIXATIONS, "record 2: split 'exam' is not one of train"),
        (CASES.replace(",chf,train", ",chf,test"), FIXATIONS, "puts one patient into two splits"),
        (CASES, FIXATIONS.replace("c,", "a,"), "record 3: case 'c' has neither a label nor a fixation"),
        ("case_id,image,patient_id\n", FIXATIONS, "contains no case"),
        ("", FIXATIONS, "cannot read the table"),
    ],
)
def test_bad_tables_name_file_record_and_value(tmp_path, cases, fixations, message):
    with pytest.raises(TableError, match=message) as caught:
        Table(*write(tmp_path, cases, fixations))
    assert "\n" not in str(caught.value)


def table(tmp_path, *rows, columns="case_id,image,patient_id,label,split,reader_id"):
    path = tmp_path / "cases.csv"
    path.write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8")
    return path


def test_all_missing_columns_of_both_tables_are_named_at_once(tmp_path):
    with pytest.raises(TableError) as caught:
        Table(*write(tmp_path, "case_id,label\na,x\n", "case_id,x,y\na,1,2\n"))
    said = str(caught.value)
    assert "cases.csv: columns 'image', 'patient_id' are missing" in said
    assert "fixations.csv: columns 'x_px', 'y_px', 'duration_s' (or 'duration_relative') are missing" in said


def test_durations_without_a_unit_have_a_column_of_their_own(tmp_path):
    seconds = Table(*write(tmp_path))
    relative = Table(*write(tmp_path, fixations=FIXATIONS.replace("duration_s", "duration_relative")))
    for before, after in zip(seconds.cases(), relative.cases(), strict=True):
        if before.fixations is not None:
            assert before.fixations.duration_unit == "s" and after.fixations.duration_unit == "relative"
            assert before.fixations.duration_s.tolist() == after.fixations.duration_s.tolist()
            assert before.fixations.onset_s.tolist() == after.fixations.onset_s.tolist()
    assert seconds.options == {} and relative.options == {"durations": "relative"}
    assert relative.hygiene == seconds.hygiene
    with pytest.raises(TableError, match="record 2, column 'duration_relative' holds 'long', expected a number"):
        Table(*write(tmp_path, fixations="case_id,x_px,y_px,duration_relative\nc,5,6,3\nc,7,8,long\n"))
    with pytest.raises(
        TableError, match=r"fixations\.csv: has both columns 'duration_s' and 'duration_relative'"
    ) as both:
        Table(*write(tmp_path, fixations="case_id,x_px,y_px,duration_relative,duration_s\nc,5,6,3,0.1\n"))
    assert "\n" not in str(both.value)


@pytest.mark.parametrize("none", ["NA", "nan", "None", "null", "N/A", "#N/A", "NULL", " n/a ", ""])
def test_a_missing_value_by_any_name_is_none(tmp_path, none):
    source = Table(table(tmp_path, "a,a.png,p,chf,,", f"b,b.png,p,chf,{none},{none}", "c,c.png,p,normal,,r"))
    assert [case.split for case in source.cases()] == [None] * 3 and source.cases()[1].reader_id is None
    said = {"splits_such_as_NA_read_as_none": 1, "reader_ids_such_as_NA_read_as_none": 1} if none else {}
    assert source.hygiene == said
    fixations = tmp_path / "fixations.csv"
    fixations.write_text("case_id,x_px,y_px,duration_s\nb,5,6,0.2\n")
    source = Table(table(tmp_path, "a,a.png,p,chf,,", f"b,b.png,p,{none},,"), fixations)
    assert source.class_names == ("chf",) and source.cases()[1].label is None
    assert source.hygiene.get("labels_such_as_NA_read_as_none", 0) == bool(none)
    if none:
        with pytest.raises(TableError, match=f"record 1: case 'a' has neither .*its label '{none.strip()}' is read as"):
            Table(table(tmp_path, f"a,a.png,p,{none},,"))
        with pytest.raises(
            TableError, match="record 2, column 'patient_id' holds .* names nothing; radiographs of one patient"
        ):
            Table(table(tmp_path, "a,a.png,p,chf,,", f"b,b.png,{none},chf,,"))
        with pytest.raises(TableError, match="a class cannot be called"):
            Table(table(tmp_path, "a,a.png,p,chf,,"), None, ["chf", none.strip()])
    else:
        with pytest.raises(TableError, match="record 2, column 'patient_id' is empty"):
            Table(table(tmp_path, "a,a.png,p,chf,,", f"b,b.png,{none},chf,,"))


@pytest.mark.parametrize(
    "pair", [("CHF", "chf"), ("heart failure", "heart  failure"), ("a b", "a\u202fb"), ("ab", "a\u00adb")]
)
@pytest.mark.parametrize("column", ["label", "patient_id", "reader_id"])
def test_names_that_look_alike_are_refused_with_their_records(tmp_path, column, pair):
    rows = []
    for number, name in enumerate((pair[0], "other", pair[1])):
        cells = {"patient_id": f"p{number}", "label": "chf", "reader_id": ""} | {column: name}
        rows.append(f"c{number},a.png,{cells['patient_id']},{cells['label']},,{cells['reader_id']}")
    with pytest.raises(TableError, match=f"records 1 and 3: two values of column '{column}'") as caught:
        Table(table(tmp_path, *rows))
    shown = [repr(name) in str(caught.value) for name in pair]
    assert shown == [column != "patient_id"] * 2


@pytest.mark.parametrize("pair", [("a b", "a\u00a0b"), ("ab", "a\u200db"), ("ab", "\u200fab"), ("a b", "a\u3000b")])
def test_case_ids_that_look_alike_are_refused(tmp_path, pair):
    rows = [f"{name},{number}.png,p,chf,," for number, name in enumerate(pair)]
    with pytest.raises(TableError, match="records 1 and 2: .* differ only in invisible characters"):
        Table(table(tmp_path, *rows))
    assert len(Table(table(tmp_path, "a,a.png,p,chf,,", "A,b.png,p,chf,,")).cases()) == 2


@pytest.mark.parametrize("classes", [["chf", "CHF"], ["chf", "chf"], [], ["chf", " "], ["chf", "c hf"]])
def test_class_names_that_cannot_be_distinguished(tmp_path, classes):
    with pytest.raises(TableError, match="class names must"):
        Table(table(tmp_path, "a,a.png,p,chf,,"), None, classes)


@pytest.mark.parametrize("character", "\u202f\u00a0\u3000\u200d\u200b\u00ad\u200f\u200e")
def test_file_names_and_ids_with_invisible_characters(tmp_path, character):
    name = f"{character}radiograph{character}1"
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / f"{name}.png")
    case = Table(table(tmp_path, f"x{character}y,{name}.png,p,chf,,")).cases()[0]
    assert case.image_path.is_file() and case.case_id == f"x{character}y"


@pytest.mark.parametrize("character", "\u202e\u2066\u2028\x07")
def test_characters_that_turn_or_break_a_line_are_refused(tmp_path, character):
    with pytest.raises(TableError, match="record 1, column 'image' holds") as caught:
        Table(table(tmp_path, f"a,x{character}y.png,p,chf,,"))
    assert character not in str(caught.value)


@pytest.mark.parametrize(("splits", "said"), [
    (("train", "", "test"), "record 1 \\(case 'c0'\\) train and record 2 \\(case 'c1'\\) without a split"),
    (("", "", "test"), "record 1 \\(case 'c0'\\) without a split and record 3 \\(case 'c2'\\) test"),
    (("train", "train", "test"), "record 1 \\(case 'c0'\\) train and record 3 \\(case 'c2'\\) test"),
])  # fmt: skip
def test_a_patient_in_two_splits_or_partly_without_one_is_refused(tmp_path, splits, said):
    rows = [f"c{number},a.png,secret,chf,{split}," for number, split in enumerate(splits)]
    with pytest.raises(TableError, match=f"puts one patient into two splits: {said}; give all") as caught:
        Table(table(tmp_path, *rows))
    assert "secret" not in str(caught.value)


def test_radiographs_lie_below_a_root(tmp_path):
    root = tmp_path / "radiographs"
    (root / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(root)
    rows = ["a,deep/a.png,p,chf,,", f"b,{root}/b.png,p,chf,,", f"c,{root.resolve()}/c.png,p,chf,,"]
    for images in (root, tmp_path / "link"):
        cases = Table(table(tmp_path, *rows), images=images).cases()
        assert [case.image_path for case in cases] == [images / "deep" / "a.png", root / "b.png", root / "c.png"]
    for path in ("/etc/passwd", f"{root}er/a.png", f"{root}/../a.png", "../a.png"):
        with pytest.raises(TableError, match="does not stay inside .*radiographs; use --images to name the folder"):
            Table(table(tmp_path, f"a,{path},p,chf,,"), images=root)
    with pytest.raises(TableError, match="none: no such folder of radiographs"):
        Table(table(tmp_path, *rows), images=tmp_path / "none")


def test_the_size_of_the_radiograph_that_gaze_is_of(tmp_path):
    columns = "case_id,image,patient_id,label,radiograph_width_px,radiograph_height_px"
    cases = Table(table(tmp_path, "a,a.png,p,x,400,800.0", "b,b.png,p,x,,", columns=columns)).cases()
    assert [case.radiograph_size_px for case in cases] == [(400, 800), None]
    for cells in ("400,", ",800", "0,800", "400,-1"):
        with pytest.raises(TableError, match="record 1: both sides of a radiograph must be above 0, got"):
            Table(table(tmp_path, f"a,a.png,p,x,{cells}", columns=columns))


def test_cases_know_the_origin_of_their_gaze(tmp_path):
    assert [case.gaze_origin for case in Table(*write(tmp_path)).cases()] == [
        f"{tmp_path / 'fixations.csv'}: record 4",
        None,
        f"{tmp_path / 'fixations.csv'}: record 1",
    ]


def test_missing_file_and_unknown_label(tmp_path):
    with pytest.raises(TableError, match=r"none\.csv: no such table"):
        Table(tmp_path / "none.csv")
    with pytest.raises(TableError, match="record 1: label 'normal' is not among chf"):
        Table(*write(tmp_path), ["chf"])


def test_windows_separators_are_understood(tmp_path):
    (tmp_path / "radiographs").mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "radiographs" / "a.png")
    source = Table(*write(tmp_path, CASES.replace("radiographs/a.png", "radiographs\\a.png")))
    assert source.cases()[0].image_path.is_file()
