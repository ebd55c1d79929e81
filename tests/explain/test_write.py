import json
from dataclasses import replace

import matplotlib
import numpy as np
import polars as pl
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from study.ready_made import Cases

from egaze.cli import cli
from egaze.errors import EgazeError
from egaze.explain import ExplainOptions, ExplanationResult, explain
from egaze.explain.cases import explain_cases
from egaze.explain.drawing import _in_logits, draw_layer, draw_panels, layers_of
from egaze.explain.write_explanations import FACTS, FORMAT_VERSION
from egaze.metrics import cc, energy_inside, iou_at_area_match, pointing_game
from egaze.models import grad_cam, to_image_size
from egaze.serialize import read_json, to_json
from egaze.sources import Case, Region
from egaze.study import prepare_study
from egaze.study.findings import finding_mask
from egaze.training import load_recipe, train


def command(*arguments):
    return CliRunner().invoke(cli, ["explain", *map(str, arguments)])


@pytest.fixture(scope="module")
def model(run):
    return run.load_model()


@pytest.fixture
def masks(twin):
    return twin.tables.parent / "findings"


def explained(run, study, cases, **options):
    return list(explain_cases(run, study, np.asarray(cases), ExplainOptions(**{"steps": 0, **options})))


@pytest.fixture(scope="module")
def ill(study):
    """A test case with a finding."""
    return int(next(index for index in study.splits.indices("test") if study.cases["label"][int(index)] != "normal"))


def test_an_explanation_has_the_values_of_its_parts(model, study, run, masks, ill):
    (one,) = explained(run, study, [ill], findings=masks, steps=2, tolerance_px=3.0)
    image = torch.from_numpy(study.images[ill] / np.float32(65535))[None, None]
    with torch.no_grad():
        output = model(image)
    np.testing.assert_allclose(one.class_probs, output.class_logits.softmax(1)[0], atol=1e-4)
    np.testing.assert_allclose(one.maps["predicted"], output.heatmap_logits.sigmoid()[0, 0], atol=1e-4)
    evidence = to_image_size(grad_cam(model, image), (64, 64))[0].numpy()
    np.testing.assert_allclose(one.maps["grad_cam"], evidence, atol=1e-3 * evidence.max() + 1e-6)
    assert one.class_index == one.class_probs.argmax()
    finding = finding_mask(study, ill, 64, None, folder=masks)
    assert np.array_equal(one.finding, finding) and finding.any()
    numbers = one.metrics
    assert numbers["grad_cam_gaze_cc"] == pytest.approx(cc(one.maps["grad_cam"], one.gaze))
    assert numbers["predicted_pointing"] == pointing_game(one.maps["predicted"], finding, tolerance_px=3.0)
    assert numbers["gaze_iou"] == pytest.approx(iou_at_area_match(one.gaze, finding))
    assert numbers["gaze_energy_inside"] == pytest.approx(energy_inside(one.gaze, finding))
    assert numbers["finding_area_frac"] == pytest.approx(finding.mean())
    for name in ("grad_cam", "predicted", "random"):
        ends = one.curves[name].deletion[0, 0], one.curves[name].insertion[0, -1]
        assert ends == pytest.approx([one.class_probs.max()] * 2, abs=1e-4)
        assert numbers[f"{name}_deletion_area"] == pytest.approx(one.curves[name].deletion[0].mean(), abs=0.5)


def test_the_class_that_is_explained(run, study, ill):
    labelled = study.labels.values[ill]
    by_label, by_name = (
        explained(run, study, [ill], class_name=name)[0] for name in ("label", study.class_names[labelled])
    )
    assert by_label.class_index == by_name.class_index == labelled
    np.testing.assert_array_equal(by_label.maps["grad_cam"], by_name.maps["grad_cam"])


def test_of_several_findings_that_of_the_class_explained_counts(findings_run, tmp_path):
    np.save(tmp_path / "radiograph.npy", np.full((64, 64), 90, np.uint8))
    regions = (Region("odd", "box", -0.5, -0.5, 31.5, 31.5), Region("opacity", "ellipse", 40, 40, 60, 60))
    certainties = {"chf": 0.0, "opacity": 1.0, "odd": 1.0}
    case = Case("a", "p", tmp_path / "radiograph.npy", certainties=certainties, regions=regions)
    both = prepare_study([Cases([case], class_names=tuple(certainties))], tmp_path / "study", size_px=64)
    found = {}
    for name in certainties:
        (explanation,) = explained(findings_run, both, [0], class_name=name)
        found[name] = explanation.finding
    assert found["chf"] is None and found["odd"].sum() == 32 * 32 and found["odd"][:32, :32].all()
    assert found["opacity"].sum() == pytest.approx(np.pi * 100, rel=0.1) and not (found["opacity"] & found["odd"]).any()


def test_pictures_show_units_and_outlines(study, run, masks, ill):
    (one,) = explained(run, study, [ill], findings=masks, stride=16, class_name="chf")
    options = ExplainOptions("chf", stride=16)
    layers = layers_of(one, options, study.class_names)
    assert [layer.name for layer in layers] == ["gaze", "predicted", "grad_cam"]
    panels = draw_panels(one, layers, study.class_names)
    labels = [axes.get_ylabel() for axes in panels.axes if axes.get_ylabel()]
    assert labels[0].startswith("dwell time\n") and labels[1:] == [
        "predicted heatmap\n1 is a reader's peak",
        f"evidence for chf\n{_in_logits(one.maps['grad_cam'].max())[1]}, stride 16",
    ]
    words = [text.get_text() for text in panels.texts]
    assert {"radiograph", "reader's gaze", "predicted gaze", "Grad-CAM: chf", "synthetic"} < set(words)
    assert any("blue outline: the finding" in text for text in words)
    bare = replace(one, finding=None)
    drawn, without = (pixels(draw_layer(item, layers[2], study.class_names)) for item in (one, bare))
    outline = np.array([0x56, 0xB4, 0xE9])
    blue = [(np.abs(page - outline).max(axis=2) < 40).sum() for page in (drawn, without)]
    assert blue[0] > 50 and blue[1] == 0


@pytest.mark.parametrize(
    ("peak", "factor", "unit"),
    [
        (0, 1, "logits"),
        (0.1, 1, "logits"),
        (999.0, 1, "logits"),
        (0.02, 1e3, "10⁻³ logits"),
        (3e-5, 1e6, "10⁻⁶ logits"),
        (4e6, 1e-6, "10⁶ logits"),
    ],
)
def test_numbers_on_the_colour_bar_are_short(peak, factor, unit):
    assert _in_logits(peak) == (pytest.approx(factor), unit)


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)


def test_a_folder_of_explanations(run, study, masks, ill, tmp_path):
    other = next(case_id for case_id in study.case_ids if case_id != study.case_ids[ill])
    done = command(
        run.path, "--cases", study.case_ids[ill], "--out", tmp_path / "why", "--findings", masks, "--steps", "2"
    )
    assert done.exit_code == 0, done.output
    assert "1 case, listed in" in done.output and "synthetic data" in done.output and other not in done.output
    assert "peak in finding" in done.output and "deletion area (less)" in done.output
    (row,) = pl.read_csv(tmp_path / "why" / "index.csv").iter_rows(named=True)
    assert row["case_id"] == study.case_ids[ill] and row["split"] == "test"
    for kind in ("explanation", "gaze", "predicted", "grad_cam"):
        with Image.open(tmp_path / "why" / row[kind]) as picture:
            assert min(picture.size) > 200 and not picture.info.get("Software")
    facts = json.loads((tmp_path / "why" / "explain.json").read_text())
    assert facts["synthetic"] is True and facts["recipe"] == "joint" and facts["finding_from"] == "masks"
    assert facts["curves"]["share"] == [0, 0.5, 1] and len(facts["curves"]["random_insertion"]) == 3
    for name, mean in facts["means"].items():
        assert mean["cases"] == 1 and mean["value"] == pytest.approx(row[name], abs=1e-5)


def test_many_cases_of_a_split(run, study, tmp_path):
    options = ("--limit", "2", "--split", "validation", "--steps", "0", "--method", "grad-cam++", "--class", "label")
    done = command(run.path, "--out", tmp_path / "why", *options)
    assert done.exit_code == 0, done.output
    assert "2 cases, listed" in done.output and "area" not in done.output
    # EGD-CXR's boxes are of anatomy.
    assert "cases without a known finding, its outline and its metrics: 2" in done.output
    rows = pl.read_csv(tmp_path / "why" / "index.csv")
    assert rows["explained_class"].to_list() == rows["label"].to_list()
    assert set(rows["case_id"]) <= {study.case_ids[index] for index in study.splits.indices("validation")}
    facts = json.loads((tmp_path / "why" / "explain.json").read_text())
    assert facts["without_finding"] == 2 and facts["curves"] is None and facts["method"] == "grad-cam++"
    assert facts["means"]["grad_cam_gaze_cc"]["value"] == pytest.approx(rows["grad_cam_gaze_cc"].mean(), abs=1e-5)


def test_a_control_without_heatmaps_and_radiographs_without_gaze(tmp_path):
    Image.fromarray(np.arange(6400, dtype=np.uint16).reshape(80, 80) * 10).save(tmp_path / "radiograph.png")
    strange = "5 $ of {x_"  # which matplotlib takes for mathematics
    cases = [
        Case(name, name, tmp_path / "radiograph.png", label=label, split=split)
        for name, label, split in (
            ("a", strange, "test"),
            ("../b", strange, "test"),
            ("c", "normal", "train"),
            ("d", strange, "train"),
            ("e", strange, "validation"),
        )
    ]
    study = prepare_study([Cases(cases, class_names=("normal", strange))], tmp_path / "study", size_px=64)
    tiny = ("input_size_px=64", "model.encoder=mobilenetv3_small_050", "stages.epochs=1", "stages.monitor=loss")
    run = train(study, load_recipe("encoder-only", tiny), tmp_path / "run", device="cpu", threads=1)
    found = explain(run, tmp_path / "why", options=ExplainOptions(class_name="label", steps=0))
    assert (found.cases, found.without_gaze, found.without_finding, found.means) == (2, 2, 2, {})
    assert (found.recipe, found.split, found.elsewhere, found.seed) == ("encoder-only", "test", 0, 0)
    written = sorted(path.relative_to(tmp_path / "why").as_posix() for path in (tmp_path / "why").rglob("*.png"))
    assert len(written) == 4 and written[:2] == ["a/explanation.png", "a/grad_cam.png"]


def test_what_is_written_is_what_is_returned(run, tmp_path):
    found = explain(run, tmp_path / "why", limit=1, options=ExplainOptions(steps=0))
    read = read_json(tmp_path / "why" / FACTS, FORMAT_VERSION, ExplanationResult, remedy="explain again")
    assert to_json(read) == to_json(found) and found.means["grad_cam_gaze_cc"].cases == 1


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--all", "--limit", "2"], 2, "Give one of --cases, --all and --limit."),
        ([], 2, "Give one of --cases, --all and --limit."),
        (["--all", "--method", "lime"], 2, "'lime' is not one of"),
        (["--all", "--class", "gout"], 1, "there is no class 'gout'; the classes are"),
        (["--limit", "1", "--stride", "3"], 1, "stride must be one of 2, 4, 8, 16, 32, got 3"),
        (["--limit", "1", "--steps", "4096", "--findings", "nowhere"], 2, "'nowhere' does not exist"),
        (["--cases", "facade"], 1, "there is no case 'facade'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage(run, tmp_path, options, code, message):
    done = command(run.path, "--out", tmp_path / "why", *options)
    assert done.exit_code == code and message in done.output + str(done.exception)
    assert not list(tmp_path.iterdir())


def test_a_case_id_mistyped(run, study, tmp_path):
    wanted = study.case_ids[5]
    done = command(run.path, "--out", tmp_path / "why", "--cases", wanted[:-1])
    assert done.exit_code == 1 and f"did you mean {wanted!r}" in str(done.exception)


def test_cases_of_another_split_are_counted(run, study, tmp_path, ill):
    trained = study.case_ids[study.splits.indices("train")[0]]
    done = command(run.path, "--out", tmp_path / "why", "--cases", trained, study.case_ids[ill], "--steps", "0")
    assert done.exit_code == 0 and "cases left out because they are in another split than test: 1" in done.output
    done = command(run.path, "--out", tmp_path / "alone", "--cases", trained)
    assert done.exit_code == 1 and "none of the cases asked for is in the test split" in str(done.exception)


def test_bad_options(tmp_path):
    for options in ({"method": "lime"}, {"steps": -1}, {"tolerance_px": -1}, {"findings": tmp_path / "no"}):
        with pytest.raises(EgazeError):
            ExplainOptions(**options)


def test_the_users_settings_do_not_change_pictures(study, run, ill):
    (one,) = explained(run, study, [ill])
    layer = layers_of(one, ExplainOptions(), study.class_names)[-1]
    plain = pixels(draw_layer(one, layer, study.class_names))
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "image.cmap": "jet"}):
        assert np.array_equal(pixels(draw_layer(one, layer, study.class_names)), plain)
