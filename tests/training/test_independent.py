"""Training on independent labels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from egaze.errors import RecipeError
from egaze.labels import IndependentLabels
from egaze.loading import DeviceLoader
from egaze.metrics import macro_auc
from egaze.models import class_map
from egaze.training import load_recipe, train
from egaze.training.classification_losses import CLASSIFICATION_LOSSES, ClassificationLoss, cross_entropy
from egaze.training.engine import predict
from egaze.training.recipe_file import recipe_names
from egaze.training.requirements import require_trainable
from egaze.training.run import build_model

SMALL = ["input_size_px=32", "model.encoder=mobilenetv3_small_050", "model.weights=none", "stages.epochs=1"]


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_trains_on_independent_labels(name, findings_study, tmp_path):
    run = train(findings_study, load_recipe(name, SMALL), tmp_path / "run", device="cpu", threads=1)
    assert run.is_finished and run.label_kind == "independent" and run.class_probs == "sigmoid"
    assert run.facts["labels"] == {"kind": "independent", "uncertain": "ignore"}
    assert all(np.isfinite(entry.losses["loss"]) for entry in run.log())


@pytest.mark.parametrize(
    "changes",
    [
        ("stages.classification_loss=focal", "stages.class_weights=[1, 2, 0.5]", "order.kind=class-balanced"),
        ("stages.classification_loss=asymmetric", "order.kind=class-weighted", "order.class_weights=[2, 1, 1, 1]"),
        ("stages.alignment_weight=0.5",),
    ],
)
def test_losses_orders_and_alignment(changes, findings_study, tmp_path):
    recipe = load_recipe("joint", [*SMALL, *changes])
    run = train(findings_study, recipe, tmp_path / "run", device="cpu", threads=1)
    assert np.isfinite(run.log()[0].train_losses["loss"])


def test_a_batch_has_the_labels_of_its_cases(findings_study):
    loader = DeviceLoader(findings_study, np.array([5, 3, 0]), batch_size=2, size_px=32, target=None)
    first, last = loader
    assert first.label_kind == "independent" and first.label.dtype == torch.float32
    np.testing.assert_array_equal(first.label, findings_study.labels.values[[5, 3]])
    np.testing.assert_array_equal(last.label, findings_study.labels.values[[0]])
    assert first.has_label.all() and first.label.isnan().any()


def test_the_monitored_auc_is_the_mean_over_classes_with_both_answers(findings_study):
    recipe = load_recipe("joint", SMALL)
    torch.manual_seed(0)
    cases = findings_study.splits.indices("train")
    loader = DeviceLoader(findings_study, cases, batch_size=8, size_px=32, target=recipe.heatmap)
    found = predict(build_model(recipe.model, 3), loader, recipe.stages[0], keep_heatmaps=False)
    answers, aucs = findings_study.labels.answers[cases], []
    for of_class, probs in zip(answers.T, found.class_probs.T, strict=True):
        present, absent = probs[of_class == 1], probs[of_class == 0]
        won = (present[:, None] > absent).mean() + 0.5 * (present[:, None] == absent).mean()
        aucs.append(won)
    assert macro_auc(answers, found.class_probs) == pytest.approx(np.mean(aucs))
    # Sigmoids, which need not sum to 1.
    assert abs(found.class_probs.sum(axis=1) - 1).max() > 0.01
    one_sided = answers.copy()
    one_sided[:, 0] = np.where(np.isnan(one_sided[:, 0]), np.nan, 1)
    assert macro_auc(one_sided, found.class_probs) == pytest.approx(np.mean(aucs[1:]))


def test_validation_does_not_depend_on_the_batch_size(findings_study):
    recipe = load_recipe("class-generators", SMALL)
    torch.manual_seed(0)
    model = build_model(recipe.model, 3)

    def losses(batch_size):
        loader = DeviceLoader(
            findings_study, np.arange(11), batch_size=batch_size, size_px=32, target=recipe.heatmap, threads=1
        )
        return predict(model, loader, recipe.stages[0], keep_heatmaps=False).losses

    whole = losses(11)
    for batch_size in (1, 4):
        assert losses(batch_size) == pytest.approx(whole, rel=1e-5)


def test_the_class_map_of_several_classes_is_that_of_their_sum():
    features = torch.rand(2, 3, 4, 4, requires_grad=True)
    logits = features.mean(dim=(2, 3)) @ torch.tensor([[4.0, -4.0], [1.0, 2.0], [0.0, 3.0]])
    both = class_map(features, logits, torch.tensor([[True, True], [False, True]]), differentiable=True)
    weights = torch.tensor([[0.0, 3.0, 3.0], [-4.0, 2.0, 3.0]]) / 16
    torch.testing.assert_close(both, (weights[:, :, None, None] * features).sum(dim=1).relu())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["stages.class_weights=[1, 2]"], r"stages\[0\].class_weights must be 3 numbers, for chf, opacity, odd; got 2"),
        (
            ["order.kind=class-weighted", "order.class_weights=[1, 2, 3]"],
            "order.class_weights must be 4 numbers, for chf, opacity, odd, then cases without any; got 3",
        ),
    ],
)
def test_weights_must_be_those_of_the_classes(changes, message, findings_study):
    with pytest.raises(RecipeError, match=message):
        require_trainable(findings_study, load_recipe("joint", [*SMALL, *changes]))


def test_a_loss_of_exclusive_labels_alone_is_refused(findings_study, study, monkeypatch):
    monkeypatch.setitem(CLASSIFICATION_LOSSES._own, "cross-entropy", ClassificationLoss(cross_entropy))
    recipe = load_recipe("joint", SMALL)
    require_trainable(study, recipe)
    with pytest.raises(RecipeError, match=r"classification_loss 'cross-entropy' learns from exclusive labels alone"):
        require_trainable(findings_study, recipe)


@pytest.mark.parametrize(("value", "which"), [(0.0, "case"), (1.0, "case without it")])
def test_a_class_that_cannot_be_learnt_is_refused(findings_study, value, which):
    certainty = findings_study.labels.certainty.copy()
    certainty[:, 1] = value
    labels = IndependentLabels(findings_study.class_names, certainty, "ignore")
    with pytest.raises(Exception, match=f"class 'opacity' has no {which} in the train split"):
        require_trainable(replace(findings_study, labels=labels), load_recipe("joint", SMALL))
