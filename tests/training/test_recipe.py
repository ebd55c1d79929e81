from dataclasses import asdict, replace

import pytest

from egaze.errors import RecipeError
from egaze.loading import Augmentation
from egaze.targets import FixationHeatmap
from egaze.training import load_recipe
from egaze.training.recipe import ModelSettings, OrderSettings, Recipe
from egaze.training.recipe_file import recipe_names
from egaze.training.stage import Stage


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_load_and_round_trip(name, tmp_path):
    recipe = load_recipe(name)
    assert recipe.name == name and recipe.description
    (tmp_path / "resolved.toml").write_text(recipe.to_toml())
    assert load_recipe(tmp_path / "resolved.toml") == recipe


def test_the_control_differs_from_joint_in_gaze_alone():
    joint, control = load_recipe("joint"), load_recipe("encoder-only")
    assert control.augmentation == joint.augmentation and control.input_size_px == joint.input_size_px
    assert control.model.encoder == joint.model.encoder and not control.model.heatmap_head
    for key in ("epochs", "learning_rate", "weight_decay", "warmup_epochs", "patience", "monitor"):
        assert getattr(control.stages[0], key) == getattr(joint.stages[0], key)


def test_overrides(tmp_path):
    recipe = load_recipe(
        "joint",
        [
            "model.encoder=resnet18",
            "stages.epochs=3",
            "stages.0.learning_rate=1",
            'stages.heatmap_losses=["kl", "cc"]',
            "augmentation.zoom=0",
        ],
    )
    stage = recipe.stages[0]
    assert recipe.model.encoder == "resnet18" and stage.epochs == 3 and stage.learning_rate == 1.0
    assert stage.heatmap_losses == ("kl", "cc") and recipe.augmentation.zoom == 0.0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("stages.epochs", "expected key=value"),
        ("stages.epoch=3", r"recipe joint: stages\[0\]: unknown key 'epoch'; known are name, epochs"),
        ("nonsense=1", "unknown key 'nonsense'"),
        ("model.depth.width=1", "unknown key 'depth'"),
        ("stages.3.epochs=1", "there is no item 3"),
        ("stages.epochs=many", r"stages\[0\]: epochs must be of type int, got 'many'"),
        ("stages.epochs=true", "must be of type int, got True"),
        ("stages.epochs=0", r"stages\[0\]\.epochs must be at least 1, got 0"),
        ("stages.learning_rate=0", "learning_rate must be above 0"),
        ("stages.learning_rate=nan", "learning_rate must be above 0, got nan"),
        ('stages.heatmap_losses=["mse"]', "heatmap_losses must be among bce, dice, kl, cc, got 'mse'"),
        ('stages.heatmap_losses=["kl", "kl"]', r"stages\[0\]\.heatmap_losses must be without repetition"),
        ("stages.heatmap_loss_weights=[1, 2, 3]", r"heatmap_loss_weights must be empty, or 2 numbers above 0"),
        ("stages.heatmap_loss_weights=[0]", r"heatmap_loss_weights must be empty, or 2 numbers above 0, got \[0"),
        ("stages.heatmap_loss_weights=[inf]", r"heatmap_loss_weights must be empty, or 2 numbers above 0"),
        ("stages.heatmap_loss_weights=1", r"heatmap_loss_weights must be a list, got 1"),
        (
            "stages.classification_loss=hinge",
            "classification_loss must be one of cross-entropy, bce-one-hot, focal,",
        ),
        ("choose_on=fold", "recipe joint: choose_on must be one of validation, test, train, got 'fold'"),
        ("choose_on=train", "recipe joint: inner_folds must be 2 to 20 with choose_on train, got 0"),
        ("inner_folds=5", "recipe joint: inner_folds must be 0 with choose_on validation, got 5"),
        ("heatmap_target=mask", "recipe joint: heatmap_target must be one of gaze, egd, got 'mask'"),
        ("egd_sigma_px=50", "egd_sigma_px must be 150 with heatmap_target gaze, got 50.0"),
        ("heatmap_target=egd", r"augmentation\.rotation_deg must be 0 \(false\) with heatmap_target egd, got 10"),
        ("stages.alignment_weight=-1", "alignment_weight must be not negative, got -1"),
        ("stages.optimizer=sgd", r"stages\[0\]\.optimizer must be one of adamw, adam, got 'sgd'"),
        ("stages.weight_decay=-1", r"stages\[0\]\.weight_decay must be not negative, got -1"),
        ("stages.schedule=step", "schedule must be one of cosine, constant, egd, got 'step'"),
        ("stages.schedule=egd", "warmup_epochs must be 0 with schedule egd, got 2"),
        ("stages.half_cycle_epochs=2", "half_cycle_epochs must be 0 with schedule cosine, got 2"),
        ("stages.clip_norm=-1", "clip_norm must be not negative, got -1"),
        ("stages.clip_value=nan", "clip_value must be not negative, got nan"),
        ("stages.clip_value=0.1", "clip_norm must be 0 where clip_value is above 0, got 1.0"),
        ('stages.parts=["head"]', "parts must be among encoder, decoder, classifier"),
        ("stages.monitor=accuracy", "monitor must be one of macro_auc, loss, heatmap_cc, heatmap_nss, heatmap_kl, got"),
        ("stages.monitor=5", r"stages\[0\]: monitor must be of type str, got 5"),
        ("stages.monitor={}", "monitor must be one of macro_auc, loss"),
        ("stages.monitor={macro_auc=1,cc=1}", "monitor must be one of macro_auc, loss"),
        ("stages.monitor={macro_auc=1,heatmap_cc='all'}", r"monitor.heatmap_cc must be of type float, got 'all'"),
        ("stages.monitor={macro_auc=1,heatmap_kl=-1}", "monitor must be a table of weights above 0, got"),
        ("stages.monitor={loss=inf}", "monitor must be a table of weights above 0, got"),
        ("input_size_px=100", "input_size_px must be a multiple of 32"),
        ("heatmap.sigma_frac=0", r"heatmap\.sigma_frac must be in \(0, 1\]"),
        ("heatmap.weight=time", "heatmap.weight must be duration or count"),
        ("augmentation.zoom=1.5", "augmentation.zoom must be 0 to 0.9"),
        ("augmentation.cutouts=1.5", "cutouts must be of type int, got 1.5"),
        ("augmentation.noise=-1", "augmentation.noise must be 0 to 1"),
        ("augmentation.mirror=1", "mirror must be of type bool, got 1"),
        ("model.pooling=max", "model.pooling must be one of mean, heatmap, class-heatmaps, got 'max'"),
        ("model.heatmap_head=false", "heatmap_weight must be 0 for a model without a heatmap head"),
        ("stages=[]", "stages must be at least one"),
        (
            "order.kind=sorted",
            r"recipe joint: order\.kind must be one of shuffled, class-balanced, class-weighted, mixed, got 'sorted'",
        ),
        (
            "order.kind=class-weighted",
            r"order\.class_weights must be one number per class, not negative and not all 0, got",
        ),
        ("order.class_weights=[1]", r"order\.class_weights must be empty with kind shuffled, got \[1.0\]"),
        ("stages.class_weights=[0, 0]", r"class_weights must be not negative and not all 0, got \[0.0, 0.0\]"),
        ("order.kind=mixed", r"order\.gaze_share must be between 0 and 1 with kind mixed, got 0.0"),
        ("order.gaze_share=0.5", r"order\.gaze_share must be 0 with kind shuffled, got 0.5"),
    ],
)
def test_errors_name_the_key(override, message):
    with pytest.raises(RecipeError, match=message) as caught:
        load_recipe("joint", [override])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("stages.half_cycle_epochs=0", r"stages\[0\]\.half_cycle_epochs must be at least 1 with schedule egd, got 0"),
        ("egd_sigma_px=0", "egd_sigma_px must be above 0, got 0"),
        ("stages.learning_rate=2", r"stages\[0\]\.learning_rate must be at most 1 with schedule egd, got 2"),
        ("stages.schedule=cosine", r"stages\[0\]\.half_cycle_epochs must be 0 with schedule cosine, got 2"),
    ],
)
def test_errors_of_the_baseline_s_schedule(override, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe("egd-baseline", [override])


def test_alignment_needs_a_classifier():
    with pytest.raises(RecipeError, match=r"stages\[0\]\.alignment_weight must be 0 where classification_weight is 0"):
        load_recipe("joint", ["stages.alignment_weight=1", "stages.classification_weight=0"])


def test_the_baseline_s_training():
    recipe = load_recipe("egd-baseline")
    (stage,) = recipe.stages
    assert (stage.optimizer, stage.schedule, stage.half_cycle_epochs, stage.clip_value) == ("adam", "egd", 2, 0.1)
    assert (stage.epochs, stage.learning_rate, stage.patience) == (35, 0.0090552, 0)
    assert recipe.heatmap_target == "egd" and (recipe.batch_size, recipe.input_size_px) == (32, 224)
    assert stage.classification_loss == "bce-one-hot" and stage.weight_decay == 0.0
    assert (stage.classification_weight, stage.heatmap_losses) == (0.41731, ("bce",))
    assert stage.classification_weight + stage.heatmap_weight == pytest.approx(1.0)
    assert not any(value for key, value in asdict(recipe.augmentation).items() if key != "cutout_frac")


def test_probabilities_are_what_the_loss_fits():
    assert load_recipe("joint").stages[0].class_probs("exclusive") == "softmax"
    assert load_recipe("egd-baseline").stages[0].class_probs("exclusive") == "sigmoid"
    assert all(load_recipe(name).stages[-1].class_probs("independent") == "sigmoid" for name in recipe_names())


def test_files(tmp_path):
    with pytest.raises(RecipeError, match="no recipe 'best'; use one of class-generators, egd-baseline, "):
        load_recipe("best")
    with pytest.raises(RecipeError, match=r"none\.toml: cannot read"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(RecipeError, match=r"bad\.toml: not valid TOML"):
        load_recipe(tmp_path / "bad.toml")
    (tmp_path / "empty.toml").write_text("")
    with pytest.raises(RecipeError, match=r"empty\.toml: key 'name' is missing"):
        load_recipe(tmp_path / "empty.toml")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stage(epochs=0), "^epochs must be at least 1, got 0"),
        (lambda: Stage(epochs="5"), "^epochs must be of type int, got '5'"),
        (lambda: Stage(classification_weight=0, heatmap_weight=0), "must be not negative and not all 0"),
        (lambda: replace(Stage(), parts=("head",)), "^parts must be among encoder, decoder, classifier, got 'head'"),
        (lambda: ModelSettings(pooling="max"), "^pooling must be one of"),
        (lambda: OrderSettings("mixed"), "^gaze_share must be between 0 and 1"),
        (lambda: Recipe("own", batch_size=0), "^batch_size must be 1 to 4096, got 0"),
        (lambda: Recipe("own", stages=()), "^stages must be at least one"),
        (lambda: Recipe("own", stages=({"epochs": 0},)), r"stages\[0\].epochs must be at least 1"),
        (lambda: Augmentation(cutouts=1.5), "^cutouts must be of type int, got 1.5"),
        (lambda: FixationHeatmap(sigma_frac=0), r"^sigma_frac must be in \(0, 1\], got 0"),
        (lambda: FixationHeatmap(weight="time"), "^weight must be duration or count, got 'time'"),
        (lambda: replace(load_recipe("joint"), heatmap_target="egd"), r"^augmentation\.rotation_deg must be 0"),
        (
            lambda: replace(load_recipe("joint"), model=ModelSettings(heatmap_head=False)),
            r"^stages\[0\]\.heatmap_weight",
        ),
    ],
)
def test_recipes_made_in_python_check_themselves(make, message):
    with pytest.raises(RecipeError, match=message):
        make()


def test_a_recipe_made_in_python_is_the_one_that_its_file_gives(tmp_path):
    recipe = Recipe("own", stages=[Stage(learning_rate=1, parts=["encoder", "classifier"], heatmap_weight=0)])
    (tmp_path / "own.toml").write_text(recipe.to_toml())
    assert load_recipe(tmp_path / "own.toml") == recipe and isinstance(recipe.stages[0].learning_rate, float)


def test_what_is_shown_of_a_weights_file_is_its_name():
    recipe = load_recipe("joint", ["model.weights=/home/somebody/weights.pt"])
    assert "somebody" not in recipe.without_paths().to_toml()
    assert recipe.without_paths().model.weights == "weights.pt"
    assert load_recipe("egd-baseline").without_paths() == load_recipe("egd-baseline")


def test_what_a_recipe_trains():
    joint = load_recipe("joint")
    assert joint.trains_classifier and joint.trains_heatmap
    assert not load_recipe("encoder-only").trains_heatmap
    assert not load_recipe("joint", ["stages.classification_weight=0"]).trains_classifier
