"""What the source makes of the tables of NIH ChestX-ray14."""

import pytest
from click.testing import CliRunner
from sources.nih_cxr14.conftest import HEADER

from egaze.cli import cli
from egaze.errors import SourceError, StudyError, TableError
from egaze.sources import NihCxr14, Region
from egaze.sources.nih_cxr14 import FINDINGS, list_radiographs
from egaze.study import open_study, prepare_study
from egaze.study.findings import finding_mask, finding_regions

A, B, C, D = "00000001_000.png", "00000001_003.png", "00000002_000.png", "00000015_001.png"


def test_a_finding_is_present_or_absent(folder):
    cases = folder.add(A, "Effusion|Pleural_Thickening").add(B).read().cases()
    assert [case.certainties for case in cases] == [
        {finding: float(finding in ("Effusion", "Pleural_Thickening")) for finding in FINDINGS},
        dict.fromkeys(FINDINGS, 0.0),
    ]
    assert [(case.case_id, case.patient_id) for case in cases] == [("00000001_000", "1"), ("00000001_003", "1")]
    assert all(case.label is None and case.fixations is None and case.split is None for case in cases)


def test_some_findings_are_taken_in_the_order_asked_for(folder, tmp_path):
    folder.add(A, "Mass|Effusion", boxes=["Mass,1,2,3,4"]).add(B, "Mass").write()
    source = NihCxr14(folder.tables, folder.images, class_names=["pleural thickening", "Effusion"])
    assert source.class_names == ("Pleural_Thickening", "Effusion")
    # A radiograph with none of them is one where they are absent.
    assert [list(case.certainties.values()) for case in source.cases()] == [[0, 1], [0, 0]]
    assert source.cases()[0].regions[0].name == "Mass"
    words = ["prepare", "nih-cxr14", "--tables", str(folder.tables), "--images", str(folder.images), "--size", "16"]
    done = CliRunner().invoke(cli, [*words, "--classes", "Mass, Hernia", "--out", str(tmp_path / "study")])
    assert done.exit_code == 0, done.output
    assert open_study(tmp_path / "study").class_names == ("Mass", "Hernia")
    with pytest.raises(SourceError, match="'Efusion' is none of the data set's classes; did you mean 'Effusion'"):
        NihCxr14(folder.tables, folder.images, class_names=["Efusion"])


def test_the_older_table_has_ages_in_words_and_commas_at_the_end(folder):
    folder.add(A, "Mass")
    folder.rows = [row.replace(",57,", ",057Y,") + "," for row in folder.rows]
    folder.write("Data_Entry_2017.csv")
    path = folder.tables / "Data_Entry_2017.csv"
    path.write_text(path.read_text().replace(HEADER, f"{HEADER},"))
    (case,) = NihCxr14(folder.tables, folder.images).cases()
    assert case.certainties["Mass"] == 1
    folder.rows = [folder.rows[0].replace("Mass", "Nodule").removesuffix(",")]
    source = folder.read()
    assert source.cases()[0].certainties["Nodule"] == 1 and source.options["table"] == "Data_Entry_2017_v2020.csv"
    assert "Data_Entry_2017.csv is not read, because Data_Entry_2017_v2020.csv is newer" in source.notes


def test_boxes_become_regions_in_pixels_of_the_published_image(folder, tmp_path):
    folder.add(A, "Infiltration|Mass", boxes=["Infiltrate,256,128,512,256", "Mass,0,0,1024,1024"])
    source = folder.add(C).read()
    case, other = source.cases()
    assert case.regions == (
        Region("Infiltration", "box", 255.5, 127.5, 767.5, 383.5),
        Region("Mass", "box", -0.5, -0.5, 1023.5, 1023.5),
    )
    assert case.radiograph_size_px == (1024, 1024) and other.radiograph_size_px is None
    # The radiographs here have 64 px.
    study = prepare_study([source], tmp_path / "study", size_px=64)
    assert study.regions(0)[0] == Region("Infiltration", "box", 15.5, 7.5, 47.5, 23.5)
    assert finding_regions(study, 0, "Infiltration") == study.regions(0)[:1]
    assert finding_regions(study, 0, "Nodule") == ()
    mask = finding_mask(study, 0, 64, "Infiltration")
    assert mask[8:24, 16:48].all() and mask.sum() == 16 * 32


def test_a_radiograph_with_boxes_that_was_cropped_is_refused(folder, tmp_path):
    from PIL import Image

    folder.add(A, "Mass", boxes=["Mass,1,2,3,4"])
    Image.new("L", (64, 80)).save(folder.images / A)
    with pytest.raises(StudyError, match="64 x 80 px, but its gaze and regions were measured on 1024 x 1024"):
        prepare_study([folder.read()], tmp_path / "study", size_px=16)


def test_what_is_left_out_is_counted(folder):
    folder.add(A, "Mass", boxes=["Mass,1,2,3,4", "Nodule,1,2,3,4"])
    folder.add(C, "Mass", boxes=["Mass,1,2,3,4"], is_there=False)
    folder.boxes.append(f"{D},Mass,1,2,3,4")
    (folder.images / "more").mkdir()
    (folder.images / A).rename(folder.images / "more" / A)
    (folder.images / D).write_bytes(b"")
    source = folder.read()
    assert [case.case_id for case in source.cases()] == ["00000001_000"]
    assert source.patient_order == ["1", "2"]
    assert source.notes[0] == "1 of 2 records of Data_Entry_2017_v2020.csv found their radiograph"
    assert source.hygiene == {
        "boxes_file_missing": 0,
        "boxes_read": 4,
        "boxes_kept": 2,
        "boxes_of_a_finding_that_the_labels_lack": 1,
        "boxes_without_radiograph": 2,
        "records_read": 2,
        "records_without_radiograph": 1,
        "radiographs_without_record": 1,
    }


def test_the_published_split_is_kept(folder, tmp_path):
    for number in range(1, 41):
        for follow_up in range(2):
            name = "test_list.txt" if number % 4 == 0 else "train_val_list.txt"
            folder.add(f"{number:08d}_{follow_up:03d}.png", list_name=name, is_there=follow_up == 0 or number < 9)
    source = folder.read()
    assert source.options["split"] == "as published"
    study = prepare_study([source], tmp_path / "study", size_px=16)
    is_test = [int(case_id[:8]) % 4 == 0 for case_id in study.case_ids]
    assert (study.splits.split_index == 2).tolist() == is_test
    counts = [len(study.splits.indices(split)) for split in ("train", "validation", "test")]
    assert counts[0] > 4 * counts[1] > 0


def test_lists_that_cannot_be_are_refused(folder):
    folder.add(A, list_name="test_list.txt").add(C, list_name="train_val_list.txt").write()

    def refused(error, said, **lists):
        for name, content in lists.items():
            (folder.tables / f"{name}_list.txt").write_text(content)
        with pytest.raises(error, match=said):
            NihCxr14(folder.tables, folder.images)
        folder.write()

    refused(TableError, f"test_list.txt: image {C} is in train_val_list.txt too", test=f"{A}\n{C}\n")
    refused(TableError, f"record 2: image {C} is in none of train_val_list.txt, test_list.txt", train_val="")
    refused(TableError, "test_list.txt: record 2: 'x.png' is no image such as", test=f"{A}\nx.png\n")
    folder.add(B, list_name="train_val_list.txt").write()
    refused(TableError, "record 1: the patient of this image is in both of train_val_list.txt, test_list.txt")
    (folder.tables / "test_list.txt").unlink()
    with pytest.raises(SourceError, match=r"train_val_list\.txt is there, but test_list\.txt is missing"):
        NihCxr14(folder.tables, folder.images)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("Mass", "Mass|Masses"), "record 1, column 'Finding Labels' holds 'Mass|Masses': 'Masses' is none of the 14"),
        (
            ("Mass", "No Finding|Mass"),
            "record 1, column 'Finding Labels' holds 'No Finding|Mass': it contradicts itself",
        ),
        (("Mass", "Mass|"), "record 1, column 'Finding Labels' holds 'Mass|': '' is none of the 14 findings"),
        (("Mass", ""), "record 1, column 'Finding Labels' is empty"),
        (
            ("0,1,57", "0,2,57"),
            f"record 1: column 'Patient ID' does not hold the patient's number .* image '{A}' begins",
        ),
        (("0,1,57", "0,one,57"), "record 1, column 'Patient ID' holds a value that is not shown, expected a whole"),
        ((A, "1.png"), "record 1: '1.png' is no image such as 00000001_000.png"),
        (("Finding Labels", "Labels"), "column 'Finding Labels' is missing from the header"),
    ],
)
def test_a_bad_table_is_named(folder, change, said):
    folder.add(A, "Mass").write()
    path = folder.tables / "Data_Entry_2017_v2020.csv"
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(TableError, match=said.replace("|", r"\|")) as caught:
        NihCxr14(folder.tables, folder.images)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ("Masses,1,2,3,4", "column 'Finding Label' holds 'Masses', which is none of the 14 findings"),
        ("Mass,-1,2,3,4", "a box of 3 x 4 px at -1, 2 does not lie on the published image of 1024 x 1024 px"),
        ("Mass,1,2,0,4", "a box of 0 x 4 px"),
        ("Mass,1000,2,30,4", "a box of 30 x 4 px at 1000, 2"),
        ("Mass,1,2,three,4", r"column 'w' holds 'three', expected a number"),
        ("Mass,1,2,3", r"record 1 has 5 cells, the header has 9"),
    ],
)
def test_a_bad_box_is_named(folder, box, said):
    folder.add(A, "Mass", boxes=[box])
    with pytest.raises(TableError, match=rf"BBox_List_2017\.csv: record 1.*{said}|BBox_List_2017\.csv: {said}"):
        folder.read()


def test_an_image_twice_no_table_and_no_radiograph_are_refused(folder):
    with pytest.raises(SourceError, match=r"Data_Entry_2017_v2020\.csv or Data_Entry_2017\.csv is missing"):
        NihCxr14(folder.tables, folder.images)
    folder.add(A, is_there=False)
    with pytest.raises(SourceError, match=rf"radiograph of none of 1 records .* such as {A}"):
        folder.read()
    assert list_radiographs(folder.tables) == [A]
    with pytest.raises(TableError, match=rf"record 2: Image Index '{A}' occurs twice"):
        folder.add(A).read()


def test_the_twin_has_every_trap(nih_twin):
    source = NihCxr14(nih_twin.tables, nih_twin.images)
    assert source.synthetic and source.hygiene["records_without_radiograph"] == 2 and len(source.notes) == 3
    assert all(any(case.certainties[finding] for case in source.cases()) for finding in FINDINGS)
    assert {region.name for case in source.cases() for region in case.regions} == {"Cardiomegaly", "Infiltration"}
    assert len({case.image_path.parent for case in source.cases()}) == 2
    older = (nih_twin.tables / "Data_Entry_2017.csv").read_text().splitlines()
    assert all(line.endswith(",") for line in older) and "Y," in older[1]


def test_the_command(nih_twin, tmp_path):
    words = ["prepare", "nih-cxr14", "--tables", str(nih_twin.tables)]
    listed = CliRunner().invoke(cli, [*words, "--list-radiographs"])
    assert listed.stdout.splitlines() == list_radiographs(nih_twin.tables) and len(listed.stdout.splitlines()) == 24
    words += ["--images", str(nih_twin.images), "--size", "16", "--workers", "1", "--out", str(tmp_path / "study")]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    assert "22 of 24 records of Data_Entry_2017_v2020.csv found their radiograph" in done.stdout
    assert "radiographs were resized since regions were drawn: those of 8 cases are scaled by 0.06" in done.stdout
    assert "Pleural_Thickening" in done.stdout and open_study(tmp_path / "study").labels.kind == "independent"
