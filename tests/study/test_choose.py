import numpy as np
import pytest

from egaze.errors import StudyError
from egaze.study.choose import choose_cases


def test_ids_patterns_and_splits(study):
    ids = study.case_ids
    assert choose_cases(study).tolist() == list(range(48))
    assert choose_cases(study, [ids[7], ids[3], ids[7]]).tolist() == [3, 7]
    start = ids[5][:8]
    expected = [index for index, name in enumerate(ids) if name.startswith(start)]
    assert choose_cases(study, [f"{start}*"]).tolist() == expected
    test = study.splits.indices("test")
    np.testing.assert_array_equal(choose_cases(study, split="test"), test)
    np.testing.assert_array_equal(choose_cases(study, ["*"], "test"), test)


def test_an_id_is_itself_before_it_is_a_pattern(tmp_path):
    from PIL import Image

    from egaze.sources import Table
    from egaze.study import prepare_study

    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    rows = [f"{name},a.png,p,sick" for name in ("a[1]", "a1", "b")]
    (tmp_path / "cases.csv").write_text("\n".join(["case_id,image,patient_id,label", *rows]))
    study = prepare_study([Table(tmp_path / "cases.csv")], tmp_path / "study", size_px=16)
    assert choose_cases(study, ["a[1]"]).tolist() == [0]
    assert choose_cases(study, ["a[1]", "a?"]).tolist() == [0, 1]


def test_cases_and_splits_that_do_not_exist(study):
    with pytest.raises(StudyError, match="there is no case 'nobody'; case ids are such as .*cases.parquet has all$"):
        choose_cases(study, [study.case_ids[0], "nobody"])
    trained = study.case_ids[study.splits.indices("train")[0]]
    with pytest.raises(StudyError, match="none of the cases asked for is in the test split"):
        choose_cases(study, [trained], "test")
