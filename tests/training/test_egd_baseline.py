"""The recipe egd-baseline beside the EGD-CXR baseline's published code, and what only its runs have."""

import json
import logging
import warnings

import numpy as np
import pytest
import torch
from torch.nn import functional

from egaze import DualHeadUNet
from egaze.cli.evaluate import _lines
from egaze.deploy import Predictor, export_torchscript
from egaze.evaluation import evaluate, open_evaluation
from egaze.loading import Batch
from egaze.report import write_report
from egaze.training import load_recipe, train
from egaze.training.engine import stage_losses, weighted
from egaze.training.optimizer import make_optimizer
from egaze.training.recipe_file import recipe_names
from egaze.training.run import build_model

GAMMA = 0.41731


@pytest.fixture(scope="module")
def theirs():
    """The baseline's model with random weights, norms and norms' statistics, in double precision."""
    smp = pytest.importorskip(
        "segmentation_models_pytorch", reason="segmentation-models-pytorch is missing: pip install 'egaze[reference]'"
    )
    torch.manual_seed(0)
    aux_params = {"pooling": "avg", "dropout": 0.5, "activation": None, "classes": 3}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`timm-` encoders are deprecated", DeprecationWarning)
        model = smp.Unet("timm-efficientnet-b0", classes=1, encoder_weights=None, aux_params=aux_params)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.2)
    model.double()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(2, 3, 64, 64, dtype=torch.float64))
    return model


def our_name(name):
    """Our name of one of smp's tensors."""
    for theirs, ours in (
        (".conv1.0.", ".convolve.0."),
        (".conv1.1.", ".convolve.1."),
        (".conv2.0.", ".convolve.3."),
        (".conv2.1.", ".convolve.4."),
        ("segmentation_head.0.", "decoder.to_logits."),
        ("classification_head.3.", "classifier.1."),
    ):
        name = name.replace(theirs, ours)
    return name


def with_their_weights(model, theirs):
    """Our model with smp's weights; the first layer is summed over colour, and smp's unused last one left out."""
    state = {our_name(name): tensor for name, tensor in theirs.state_dict().items()}
    state["encoder.conv_stem.weight"] = state["encoder.conv_stem.weight"].sum(dim=1, keepdim=True)
    unused = ("encoder.conv_head.", "encoder.bn2.")
    model.double().load_state_dict({name: tensor for name, tensor in state.items() if not name.startswith(unused)})
    return model


def our_model(theirs):
    return with_their_weights(build_model(load_recipe("egd-baseline").model, 3, weights="none"), theirs)


def a_batch():
    generator = torch.Generator().manual_seed(1)
    everyone = torch.ones(4, dtype=torch.bool)
    return Batch(
        image=torch.rand(4, 1, 64, 64, generator=generator, dtype=torch.float64),
        heatmap=torch.rand(4, 1, 64, 64, generator=generator, dtype=torch.float64),
        has_gaze=everyone,
        label=torch.tensor([0, 1, 2, 1]),
        has_label=everyone,
        case_index=torch.arange(4),
    )


def in_colour(model, image):
    """What smp's model sees of grey images; all three channels as ours normalises them."""
    return ((image - model.mean) / model.std).expand(-1, 3, -1, -1)


@pytest.mark.parametrize("shape", [(64, 64), (96, 160)])
def test_the_model_is_the_baseline_s(theirs, shape):
    ours = our_model(theirs).eval()
    image = torch.rand(2, 1, *shape, dtype=torch.float64)
    with torch.no_grad():
        masks, labels = theirs.eval()(in_colour(ours, image))
        output = ours(image)
        torch.testing.assert_close(output.heatmap_logits, masks, atol=1e-9, rtol=1e-9)
        torch.testing.assert_close(output.class_logits, labels, atol=1e-9, rtol=1e-9)
        # TensorFlow's padding and epsilon make another model of the same weights.
        other = DualHeadUNet("tf_efficientnet_b0", 3, decoder_stride=1)
        output = with_their_weights(other, theirs).eval()(image)
        assert (output.class_logits - labels).abs().max() > 1e-3 * labels.abs().max()


def test_a_training_step_is_the_baseline_s(theirs):
    """Loss, gradients and norms' statistics, with dropout and stochastic depth from the same random numbers."""
    ours, batch, stage = our_model(theirs).train(), a_batch(), load_recipe("egd-baseline").stages[0]
    torch.manual_seed(7)
    masks, labels = theirs.train()(in_colour(ours, batch.image))
    one_hot = functional.one_hot(batch.label, 3).double()
    their_loss = GAMMA * functional.binary_cross_entropy_with_logits(labels, one_hot)
    their_loss = their_loss + (1 - GAMMA) * functional.binary_cross_entropy_with_logits(masks, batch.heatmap)
    their_loss.backward()
    torch.manual_seed(7)
    loss = weighted(stage_losses(ours(batch.image), batch, stage), stage)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(float(their_loss.detach()), rel=1e-9)
    gradients = {our_name(name): weight.grad for name, weight in theirs.named_parameters()}
    # Three channels that see the same have the same gradient, which is that of their sum.
    gradients["encoder.conv_stem.weight"] = gradients["encoder.conv_stem.weight"][:, :1]
    for name, weight in ours.named_parameters():
        torch.testing.assert_close(weight.grad, gradients[name], atol=1e-9, rtol=1e-6)
    statistics = {our_name(name): buffer for name, buffer in theirs.named_buffers()}
    for name, buffer in ours.named_buffers():
        torch.testing.assert_close(buffer, statistics[name], atol=1e-9, rtol=1e-9)


def test_the_optimiser_is_the_baseline_s():
    stage = load_recipe("egd-baseline").stages[0]
    model = torch.nn.Linear(2, 2)
    ours, theirs = make_optimizer(model, stage), torch.optim.Adam(model.parameters(), lr=0.0090552)
    assert type(ours) is torch.optim.Adam
    for group in ours.param_groups:
        assert all(group[key] == theirs.defaults[key] for key in ("lr", "betas", "eps", "weight_decay", "amsgrad"))
    assert (stage.clip_value, stage.clip_norm) == (0.1, 0.0)


def test_the_run_without_gaze_is_what_the_recipe_s_comment_says():
    from importlib import resources

    lines = (resources.files("egaze.training") / "recipes" / "egd-baseline.toml").read_text().splitlines()
    overrides = [word for line in lines if line.startswith("#   --set") for word in line.split()[1:] if word != "--set"]
    recipe = load_recipe("egd-baseline", overrides)
    (stage,), model = recipe.stages, recipe.model
    assert (stage.classification_weight, stage.heatmap_weight) == (1.0, 0.0)
    assert (stage.epochs, stage.learning_rate, stage.half_cycle_epochs) == (20, 0.006486, 8)
    assert model.dropout == 0.0 and not model.heatmap_head and model.encoder == "efficientnet_b0"


@pytest.mark.parametrize("name", recipe_names())
def test_no_recipe_chooses_on_test_by_default(name):
    assert load_recipe(name).choose_on != "test"


TINY = (
    "input_size_px=64",
    "batch_size=8",
    "model.encoder=mobilenetv3_small_050",
    "model.weights=none",
    "model.decoder_channels=[8, 8, 8, 8, 8]",
    "stages.epochs=2",
    "choose_on=test",
)


@pytest.fixture(scope="module")
def chosen_on_test(study, tmp_path_factory):
    """A tiny run of the recipe whose epoch the test images chose, evaluated on them, and what it logged."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logging.getLogger("egaze.training.train").addHandler(handler)
    run = train(study, load_recipe("egd-baseline", TINY), tmp_path_factory.mktemp("egd") / "run", device="cpu")
    logging.getLogger("egaze.training.train").removeHandler(handler)
    evaluate(run)
    return run, [(record.levelname, record.getMessage()) for record in records]


def test_choosing_on_test_warns_and_is_marked_everywhere(chosen_on_test, study, tmp_path):
    run, records = chosen_on_test
    assert [level for level, message in records if "chosen on the test split" in message] == ["WARNING"]
    assert json.loads((run.path / "run.json").read_text())["chosen_on"] == "test"
    log = run.log()
    assert all(entry.chosen_on == "test" for entry in log)
    assert "validation" not in (run.path / "log.jsonl").read_text()
    metrics = open_evaluation(run.path / "evaluation" / "test").metrics
    assert metrics.chosen_on == "test" and metrics.optimistic is True
    assert any(line.startswith("chosen on test") and "optimistic" in line for line in _lines(metrics))
    # The log's best epoch has the same AUC as the evaluation on the same images.
    best = [entry for entry in log if entry.best][-1]
    assert best.macro_auc == pytest.approx(metrics.classification.macro_auc.value, abs=1e-6)
    text = write_report(run, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Chosen on test: optimistic." in text and "the test split was not used" not in text
    unmarked = evaluate(run, split="validation", out=tmp_path / "validation").metrics
    assert unmarked.chosen_on == "test" and unmarked.optimistic is False
    assert not any("optimistic" in line for line in _lines(unmarked))


def test_choosing_on_validation_marks_validation_alone(run, tmp_path):
    assert run.facts["chosen_on"] == "validation"
    assert open_evaluation(run.path / "evaluation" / "test").metrics.optimistic is False
    assert evaluate(run, split="validation", out=tmp_path / "validation").metrics.optimistic is True


def test_class_probabilities_are_sigmoids_everywhere(chosen_on_test, study, tmp_path):
    """A sigmoid a class, as the loss fits them, in training, evaluation and the exported file."""
    run, _ = chosen_on_test
    table = open_evaluation(run.path / "evaluation" / "test").predictions
    probs = table.select(f"prob_{name}" for name in study.class_names).to_numpy()
    spec = export_torchscript(run, tmp_path / "model.pt")
    assert spec.class_probs == "sigmoid"
    predictor, model = Predictor(tmp_path / "model.pt"), run.load_model()
    assert predictor.spec == spec
    for row in (0, len(table) - 1):
        image = study.images[table["case_index"][row]] / np.float32(65535)
        with torch.no_grad():
            expected = model(torch.from_numpy(image)[None, None]).class_logits.sigmoid()[0]
        np.testing.assert_allclose(probs[row], expected, atol=1e-4)
        np.testing.assert_allclose(predictor.predict(image).class_probs, expected, atol=1e-5)
