"""Search spaces: what they hold, and what is refused before a trial begins."""

import re

import pytest

from egaze.errors import RecipeError
from egaze.training import load_recipe, recipe_file
from egaze.tuning import load_space
from egaze.tuning.keys import key_types
from egaze.tuning.space import Choices, Range


@pytest.fixture
def loaded(tmp_path):
    def load(text, recipe="joint", overrides=()):
        (tmp_path / "space.toml").write_text(text)
        return load_space(tmp_path / "space.toml", load_recipe(recipe, overrides)).dimensions

    return load


def test_ranges_and_choices(loaded):
    assert loaded("""
        stages.learning_rate = {low = 1e-5, high = 1e-2, log = true}
        "stages.0.heatmap_weight" = {low = 0, high = 2, step = 0.5}
        input_size_px = {low = 64, high = 128, step = 32}
        [model]
        encoder = {choices = ["resnet18", "tf_efficientnet_b0"]}
        decoder_channels = {choices = [[64, 32, 16], [8, 8, 8]]}
    """) == {
        "stages.learning_rate": Range(1e-5, 1e-2, None, True),
        "stages.0.heatmap_weight": Range(0.0, 2.0, 0.5),
        "input_size_px": Range(64, 128, 32),
        "model.encoder": Choices(("resnet18", "tf_efficientnet_b0")),
        "model.decoder_channels": Choices(([64, 32, 16], [8, 8, 8])),
    }
    assert Range(64, 128, 32).examples() == [64, 96, 128]
    assert Range(0, 1000).examples()[:2] == [0, 1] and Range(0, 1000).examples()[-1] == 1000


def test_a_choice_may_need_another_dimension(loaded):
    mixed = 'order.kind = {choices = ["mixed", "class-balanced"]}\n'
    with pytest.raises(RecipeError, match=r"order\.kind = 'mixed': .*gaze_share must be between 0 and 1"):
        loaded(mixed)
    assert len(loaded(mixed + "order.gaze_share = {low = 0.2, high = 0.8}")) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stages.learnin_rate = {low = 1, high = 2}", "no recipe has a key 'stages.learnin_rate'; the nearest is"
         " 'stages.learning_rate'"),
        ("batchsize = {low = 1, high = 2}", "no recipe has a key 'batchsize'; the nearest is 'batch_size'"),
        ("stages.3.epochs = {low = 1, high = 2}", "there is no stage 3 for 'stages.3.epochs': recipe 'joint' has 1"),
        ("batch_size = 4", r"batch_size must be a table, {low = ..., high = ...} or {choices = [...]}, got 4"),
        ("batch_size = {low = 4}", "batch_size: high is missing"),
        ("batch_size = {low = 4, high = 8, size = 2}", "batch_size: unknown key 'size'; known are low, high, log"),
        ("batch_size = {low = 4, choices = [8, 9]}", "choices and low cannot go together"),
        ("batch_size = {low = 4.0, high = 8}", "low must be a whole number, got 4.0"),
        ("batch_size = {low = true, high = 8}", "low must be a whole number, got True"),
        ("batch_size = {low = 8, high = 8}", "low must be below high, got 8 and 8"),
        ("batch_size = {low = 4, high = 9, step = 2}", "high must be low and a number of steps, got 4, 9, step 2"),
        ("batch_size = {low = 4, high = 8, step = 0}", "high must be low and a number of steps"),
        ("batch_size = {choices = [8]}", "choices must be a list of two values or more"),
        ("batch_size = {choices = [8, 8]}", "choices has a value twice"),
        ("batch_size = {choices = [8, 'x']}", "batch_size = 'x': recipe joint: batch_size must be of type int"),
        ("model.dropout = {low = nan, high = 1}", "low must be a finite number, got nan"),
        ("model.dropout = {low = 0, high = 0.5, log = true}", "log needs a low above 0 and no step"),
        ("model.dropout = {low = 0, high = 0.5, log = 1}", "log must be true or false, got 1"),
        ("model.encoder = {low = 0, high = 1}", "takes choices alone"),
        ("batch_size = {low = 0, high = 8}", "batch_size = 0: recipe joint: batch_size must be 1 to 4096, got 0"),
        ("input_size_px = {low = 64, high = 128}", "input_size_px = 65: recipe joint: input_size_px must be a mul"),
        ("stages.learning_rate = {low = -1, high = 1}", "learning_rate must be above 0, got -1.0"),
        ("stages.epochs = {low = 1, high = 2}\nstages.0.epochs = {low = 1, high = 2}", "'stages.0.epochs' cannot be"),
        ("", "names no key"),
        ("a = ", "not valid TOML"),
        ("a = " + "[" * 20_000, "not valid TOML"),
        ("a = " + "9" * 5_000, "not valid TOML"),
    ],
)  # fmt: skip
def test_what_is_refused(loaded, text, message):
    with pytest.raises(RecipeError, match=re.escape(message)) as raised:
        loaded(text)
    assert "space.toml" in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        ("stages.monitor = {choices = ['loss', 'macro_auc']}", (), "stages.monitor cannot be searched"),
        ("choose_on = {choices = ['test', 'validation']}", (), "choose_on cannot be searched"),
        ("batch_size = {low = 1, high = 2}", ("choose_on=test",), "this recipe chooses its epoch on test"),
        ("stages.heatmap_weight = {low = 0, high = 1}", ("stages.monitor=loss",), "it changes what the loss is"),
        ("heatmap.sigma_frac = {low = 0.02, high = 0.1}", ("stages.monitor=heatmap_cc",), "the heatmap of gaze that"),
        ("stages.classification_weight = {choices = [0.0, 1.0]}", (), "with it no stage trains the classifier"),
    ],
)
def test_trials_must_be_scored_alike(loaded, text, overrides, message):
    with pytest.raises(RecipeError, match=message):
        loaded(text, overrides=overrides)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(RecipeError, match=r"none\.toml: cannot read the search space"):
        load_space(tmp_path / "none.toml", load_recipe("joint"))


def test_every_key_of_every_recipe_is_known_and_none_is_mistaken_for_a_range():
    for name in recipe_file.recipe_names():
        recipe = load_recipe(name)
        kinds = key_types(recipe)
        assert not {key.rpartition(".")[2] for key in kinds} & {"low", "high", "log", "step", "choices"}
        tree = recipe_file.tomllib.loads(recipe.to_toml())
        for key, value in tree.items():
            if key == "stages":
                assert all(f"stages.{index}.{inner}" in kinds for index, stage in enumerate(value) for inner in stage)
            elif isinstance(value, dict):
                assert all(f"{key}.{inner}" in kinds for inner in value)
            else:
                assert key in kinds
