import json
import shutil

import numpy as np
import pytest
import torch

from egaze.demo import run_demo
from egaze.errors import EgazeError, StudyError
from egaze.evaluation import compare
from egaze.explain.faithfulness import faithfulness
from egaze.sources.synthetic import synthesize
from egaze.study import open_study, split_study
from egaze.training import train, train_set
from egaze.training.folds import deal_folds


def change_split(study, tmp_path, split_index):
    shutil.copytree(study.path, tmp_path / "study")
    content = json.loads((tmp_path / "study" / "splits.json").read_text())
    content["split_index"] = split_index.tolist()
    (tmp_path / "study" / "splits.json").write_text(json.dumps(content))
    return open_study(tmp_path / "study")


def test_a_study_without_what_the_recipe_needs_is_refused_early(study, tiny_recipe, tmp_path):
    without_chf = np.where(study.labels.values == 1, 2, 0)
    patients_with_chf = np.isin(study.patients, study.patients[without_chf == 2])
    without_chf = np.where(patients_with_chf, 2, 0)
    without_chf[np.flatnonzero(without_chf == 0)[0]] = 1
    lacking = change_split(study, tmp_path, without_chf)
    with pytest.raises(StudyError, match="class 'chf' has no case in the train split"):
        train(lacking, tiny_recipe, tmp_path / "run", device="cpu")
    split_study(lacking.path, seed=1, ratio=(1, 0, 0))
    with pytest.raises(StudyError, match="the validation split is empty"):
        train(open_study(lacking.path), tiny_recipe, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_a_negative_seed_is_refused_before_a_folder_is_made(study, tiny_recipe, tmp_path, run):
    out = tmp_path / "out"
    doors = [
        lambda: train(study, tiny_recipe, out, seed=-1, device="cpu"),
        lambda: train_set(study, tiny_recipe, out, seeds=(0, -1), device="cpu"),
        lambda: train_set(study, tiny_recipe, out, folds=3, fold_seed=-1, device="cpu"),
        lambda: deal_folds(study, 3, seed=-1),
        lambda: synthesize(out, cases=3, seed=-1),
        lambda: run_demo(out, seed=-1),
        lambda: compare(run, run, seed=-1),
        lambda: faithfulness(None, torch.zeros(1, 1, 8, 8), torch.zeros(1, 8, 8), torch.zeros(1).long(), seed=-1),
    ]
    for door in doors:
        with pytest.raises(EgazeError, match=r"seeds? must be .*-1$"):
            door()
    assert not list(tmp_path.iterdir())
