import json

import numpy as np
import polars as pl
import pytest
from PIL import Image
from study.ready_made import Cases

from egaze.errors import StudyError
from egaze.sources import Case, Table
from egaze.study import open_study, prepare_study

NAN = np.nan


@pytest.fixture
def sources(tmp_path):
    """A source of exclusive labels and one of independent ones."""
    for name in "abc":
        Image.fromarray(np.full((8, 6), 100, np.uint8)).save(tmp_path / f"{name}.png")
    (tmp_path / "exclusive.csv").write_text("case_id,image,patient_id,label\nx,a.png,p,sick\n")
    (tmp_path / "cases.csv").write_text("case_id,image,patient_id\na,a.png,p\nb,b.png,q\nc,c.png,r\n")
    (tmp_path / "findings.csv").write_text("case_id,effusion,nodule\na,1,-1\nb,0,0.75\nc,,1\n")
    independent = Table(tmp_path / "cases.csv", labels=tmp_path / "findings.csv")
    return Table(tmp_path / "exclusive.csv"), independent


@pytest.mark.parametrize(("uncertain", "taught"), [("ignore", NAN), ("one", 1), ("zero", 0), ("soft", 0.75)])
def test_the_study_keeps_certainties_and_records_the_policy(sources, tmp_path, uncertain, taught):
    study = prepare_study(sources[1:], tmp_path / "study", size_px=16, uncertain=uncertain)
    assert study.manifest["labels"] == {"kind": "independent", "uncertain": uncertain}
    assert study.class_names == ("effusion", "nodule") and study.manifest["counts"]["classes"] == {
        "effusion": 1,
        "nodule": 1,
    }
    np.testing.assert_array_equal(study.labels.certainty, np.float32([[1, 0.5], [0, 0.75], [NAN, 1]]))
    np.testing.assert_array_equal(study.labels.values[1], np.float32([0, taught]))
    assert study.cases["label"].to_list() == ["effusion, nodule?", "nodule?", "nodule"]


def test_classes_of_two_sources_that_look_alike_are_told(tmp_path):
    Image.fromarray(np.full((8, 6), 100, np.uint8)).save(tmp_path / "a.png")
    sources = []
    for name in ("Pleural_Thickening", "Pleural thickening"):
        case = Case(name, "p", tmp_path / "a.png", certainties={name: 1.0})
        sources.append(Cases([case], class_names=("Mass", name)))
    said = []
    study = prepare_study(sources, tmp_path / "study", size_px=16, say=said.append)
    assert study.class_names == ("Mass", "Pleural_Thickening", "Pleural thickening")
    assert said == ["classes 'Pleural_Thickening' and 'Pleural thickening' look alike, but stay two classes"]


def test_the_labels_of_a_study_are_of_one_kind(sources, tmp_path):
    with pytest.raises(StudyError, match="labels of 1-table are exclusive .*, those of 2-table are independent"):
        prepare_study(sources, tmp_path / "study", size_px=16)
    with pytest.raises(StudyError, match="uncertain must be one of ignore, one, zero, soft, got 'maybe'"):
        prepare_study(sources[1:], tmp_path / "study", size_px=16, uncertain="maybe")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda cases: cases.with_columns(label_nodule=pl.lit(3.0)), r"certainties must lie in \[0, 1\]"),
        (lambda cases: cases.drop("label_nodule"), "label_nodule"),
    ],
)
def test_damaged_labels_are_refused(sources, tmp_path, change, message):
    path = prepare_study(sources[1:], tmp_path / "study", size_px=16).path
    change(pl.read_parquet(path / "cases.parquet")).write_parquet(path / "cases.parquet")
    with pytest.raises(StudyError, match=f"damaged study: .*{message}"):
        open_study(path)


def test_an_older_study_is_refused_with_the_command_that_prepares_it_again(sources, tmp_path):
    path = prepare_study(sources[:1], tmp_path / "study", size_px=16, fit="letterbox").path
    manifest = json.loads((path / "study.json").read_text())
    (path / "study.json").write_text(json.dumps({**manifest, "format_version": 3}))
    command = "`egaze prepare table --size 16 --fit letterbox --presentation voi --out NEW`"
    with pytest.raises(StudyError, match=f"format version 3.: prepare it again with {command} and the options"):
        open_study(path)
