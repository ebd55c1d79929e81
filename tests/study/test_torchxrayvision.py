"""Studies of torchxrayvision's data sets, and of objects that are built like them."""

import numpy as np
import polars as pl
import pytest

from egaze.errors import StudyError, TableError
from egaze.study import from_torchxrayvision, prepare_study


class Radiographs:
    """Three radiographs built like those of torchxrayvision."""

    def __init__(self, **changes):
        self.pathologies = ["Effusion", "Mass", "Nodule"]
        self.labels = np.array([[1, 0, np.nan], [np.nan, 0.5, np.nan], [0, 1, np.nan]])
        self.images = np.stack([np.full((1, 32, 48), level, float) for level in (-1024, 0, 1024)])
        self.__dict__.update(changes)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return {"idx": index, "lab": self.labels[index], "img": self.images[index]}


def test_images_and_labels_are_taken(tmp_path):
    seen = []
    study = from_torchxrayvision(Radiographs(), tmp_path / "study", size_px=16, progress=lambda *at: seen.append(at))
    assert study.case_ids == ["Radiographs-000000", "Radiographs-000001", "Radiographs-000002"]
    assert study.class_names == ("Effusion", "Mass")
    np.testing.assert_array_equal(study.labels.certainty, [[1, 0], [np.nan, 0.5], [0, 1]])
    assert [study.images[index].min() for index in range(3)] == [study.images[index].max() for index in range(3)]
    assert study.images[:, 0, 0].tolist() == [0, 32768, 65535]
    (source,) = study.manifest["sources"]
    assert source["hygiene"] == {
        "radiographs_read": 3,
        "radiographs_dropped_without_label": 0,
        "radiographs_of_unknown_patient": 3,
        "pathology_of_no_radiograph_Nodule": 1,
    }
    assert seen == [(1, 3), (2, 3), (3, 3)] and [path.name for path in tmp_path.iterdir()] == ["study"]


def test_letterbox_and_policy_are_passed_on(tmp_path):
    study = from_torchxrayvision(Radiographs(), tmp_path / "study", size_px=18, fit="letterbox", uncertain="one")
    assert study.images[2, 8].min() == 65535 and study.images[2, 0].max() == 0
    assert study.labels.values[1, 1] == 1 and study.manifest["fit"] == "letterbox"


def test_patients_stay_together_where_they_are_known(tmp_path):
    patients = np.array([f"p{index // 4}" if index < 80 else None for index in range(90)], dtype=object)
    many = Radiographs(
        images=np.zeros((90, 1, 8, 8)),
        labels=np.tile([[1.0, 0.0, np.nan]], (90, 1)),
        csv={"patientid": [float("nan") if patient is None else patient for patient in patients]},
    )
    study = from_torchxrayvision(many, tmp_path / "study", size_px=16)
    assert study.manifest["counts"]["patients"] == 30
    assert study.manifest["sources"][0]["hygiene"]["radiographs_of_unknown_patient"] == 10
    for patient in np.unique(study.patients):
        assert len(np.unique(study.splits.split_index[study.patients == patient])) == 1
    assert len(np.unique(study.splits.split_index)) == 3
    assert "p3" not in (study.path / "study.json").read_text() and "p3" not in str(
        pl.read_parquet(study.path / "cases.parquet")
    )


def test_a_radiograph_without_a_label_is_left_out(tmp_path):
    labels = np.array([[1, 0, 1], [np.nan] * 3, [0, 1, 1]])
    study = from_torchxrayvision(Radiographs(labels=labels), tmp_path / "study", size_px=16)
    assert study.case_ids == ["Radiographs-000000", "Radiographs-000002"]
    assert study.manifest["sources"][0]["hygiene"]["radiographs_dropped_without_label"] == 1


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        (
            {"labels": np.array([[1, 0, 2], [0, 0, 0], [0, 0, 0]])},
            StudyError,
            "radiograph 0, pathology 'Nodule': .* is 2",
        ),
        (
            {"labels": np.array([[1, 0, 1], [0, -1, 0], [0, 0, 0]])},
            StudyError,
            "radiograph 1, pathology 'Mass': .* is -1",
        ),
        ({"labels": np.zeros((3, 2))}, StudyError, r"labels must be \(3, 3\), .* got \(3, 2\)"),
        ({"labels": np.full((3, 3), np.nan)}, StudyError, "no radiograph has a label"),
        ({"labels": "none"}, StudyError, "is no torchxrayvision data set"),
        ({"labels": np.ones((3, 3)), "pathologies": ["Mass", "mass", "x"]}, TableError, "differ in more than case"),
        ({"data_aug": str.upper}, StudyError, "has data_aug, whose random images"),
        ({"datasets": [Radiographs(data_aug=str.upper)]}, StudyError, "has data_aug"),
        ({"images": np.zeros((3, 3, 8, 8))}, StudyError, r"radiograph 0 has shape \(3, 8, 8\), expected one channel"),
        ({"images": np.full((3, 1, 8, 8), 255 * 9)}, StudyError, "radiograph 0 has values from 2295 to 2295, expected"),
        ({"images": np.full((3, 1, 8, 8), np.nan)}, StudyError, "radiograph 0 has values from nan to nan"),
        ({"images": [None] * 3}, StudyError, r"radiograph 0 has shape \(\)|cannot be read"),
        ({"csv": {"patientid": ["a"]}}, StudyError, "csv has 1 rows, but there are 3 radiographs"),
    ],
)
def test_what_is_no_such_data_set_is_refused(tmp_path, changes, error, said):
    with pytest.raises(error, match=said) as caught:
        from_torchxrayvision(Radiographs(**changes), tmp_path / "study", size_px=16)
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    class Broken(Radiographs):
        def __getitem__(self, index):
            raise OSError("no such file:\n1.png")

    with pytest.raises(StudyError, match=r"Broken: radiograph 0 cannot be read: OSError no such file: 1\.png"):
        from_torchxrayvision(Broken(), tmp_path / "study")
    with pytest.raises(StudyError, match="size must be 16 to 4096 px"):
        from_torchxrayvision(Radiographs(), tmp_path / "study", size_px=8)
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mine").touch()
    with pytest.raises(Exception, match="already exists"):
        from_torchxrayvision(Radiographs(), tmp_path / "study")


def test_a_real_data_set_gives_the_study_that_its_source_does(tmp_path):
    xrv = pytest.importorskip("torchxrayvision")
    from egaze.sources import NihCxr14
    from egaze.sources.synthetic import synthesize

    twin = synthesize(tmp_path / "twin", cases=3, layout="nih-cxr14", long_side_px=64)
    flat = tmp_path / "twin" / "flat"
    flat.mkdir()
    source = NihCxr14(twin.tables, twin.images)
    for case in source.cases():
        (flat / case.image_path.name).symlink_to(case.image_path)
    theirs = xrv.datasets.NIH_Dataset(
        imgpath=str(flat), csvpath=str(twin.tables / "Data_Entry_2017_v2020.csv"), views=["*"], unique_patients=False
    )
    # With pathologies of other data sets, cut into two parts and merged again.
    xrv.datasets.relabel_dataset([*xrv.datasets.default_pathologies], theirs, silent=True)
    parts = [xrv.datasets.SubsetDataset(theirs, rows) for rows in ([0, 1], [2])]
    study = from_torchxrayvision(xrv.datasets.MergeDataset(parts), tmp_path / "theirs", size_px=32)
    ours = prepare_study([source], tmp_path / "ours", size_px=32)
    assert study.is_synthetic and study.manifest["counts"]["patients"] == ours.manifest["counts"]["patients"]
    np.testing.assert_allclose(study.images, ours.images, atol=1)
    places = [ours.class_names.index(name) for name in study.class_names]
    np.testing.assert_array_equal(study.labels.values, ours.labels.values[:, places])
    left_out = {name for name in study.manifest["sources"][0]["hygiene"] if name.startswith("pathology_of_no_")}
    assert len(places) == 14 and len(left_out) == 4
