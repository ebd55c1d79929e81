"""benchmarks/gpu.py goes its whole way on the CPU, so that nothing in it is first executed on a GPU."""

import json
import sys
import time

import pytest
import torch
from test_benchmarks import load

pytest.importorskip("segmentation_models_pytorch", reason="needs the extra reference")


@pytest.fixture(scope="module")
def gpu():
    return load("gpu")


@pytest.fixture
def quiet(monkeypatch):
    """Other tests see the same random numbers and settings."""
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)


def measured(gpu, name, tmp_path, **changes):
    from dataclasses import replace

    setup = replace(gpu.tiny(tmp_path), **changes)
    gpu.run_section(name, setup, tmp_path, 300)
    return json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))


def test_the_loader(gpu, quiet, tmp_path):
    found = measured(gpu, "loader", tmp_path)
    assert not found["not_run"] and not found["wrong"]
    assert set(found["measured"]["rates"]["samples_per_s"]) == {"ours", "dataloader", "dataloader_packed"}
    assert found["measured"]["copies"]["copy_gb_per_s"] > 0


def test_training(gpu, quiet, tmp_path, monkeypatch):
    """With a compiler that leaves models as they are."""
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, options: compiled.append(self))
    found = measured(gpu, "training", tmp_path, sides=(32,), compile_s=1.0, compiled=("joint",))
    assert not found["not_run"] and not found["wrong"] and len(compiled) == 1
    for recipe in ("joint", "class-generators"):
        result = found["measured"][f"{recipe}_32"]
        baselines = {"baseline_fp32_from_files", "baseline_fp32_from_memory", "baseline_bf16_from_memory"}
        assert set(result["images_per_s"]) == {"fp32", "fp32_channels_last", "bf16", "bf16_channels_last", *baselines}
        assert result["ratios"]["bf16_vs_baseline_bf16_from_memory"] > 0

    ratio = "bf16_channels_last_compiled_vs_bf16_channels_last"
    assert found["measured"]["joint_32_compiled"]["ratios"][ratio] > 0


def test_prediction(gpu, quiet, tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda module, dynamic: module)
    found = measured(gpu, "prediction", tmp_path, sides=(32,), compile_s=1.0)
    assert not found["wrong"]
    # What may be absent here says what is missing.
    assert all("onnx" in why or "not built" in why for why in found["not_run"].values())
    assert {"eager", "torchscript", "python_predictor"} <= set(found["measured"]["batch_1"]["milliseconds"])
    assert set(found["measured"]["compiled_batch_2"]["milliseconds"]) == {"eager", "compiled"}


def test_tests(gpu, tmp_path):
    (tmp_path / "test_one.py").write_text(
        "import pytest\n"
        "pytestmark = pytest.mark.needs_cuda\n"
        "def test_passes(): pass\n"
        "def test_fails(): assert 1 == 2\n"
        "def test_skips(): pytest.skip('no such device')\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = needs_cuda\n")
    found = measured(gpu, "tests", tmp_path, tests=(tmp_path / "test_one.py",))
    assert found["measured"]["tests"] == {"passed": 1, "failed": 1, "skipped": 1}
    assert list(found["not_run"].values()) == ["no such device"]
    (wrong,) = found["wrong"].values()
    assert wrong.startswith("failed: assert 1 == 2")


def test_every_test_that_needs_a_gpu_is_found(gpu):
    root = load("gpu_sections").ROOT / "tests"
    found = [path.name for path in root.rglob("test_*.py") if "mark.needs_cuda" in path.read_text(encoding="utf-8")]
    assert {"test_loader.py", "test_runner_predictions.py"} <= set(found)


FIGURES = {
    "tests": {"measured": {"tests": {"passed": 4, "failed": 0}}, "not_run": {}, "wrong": {}},
    "loader": {
        "measured": {
            "rates": {
                "samples_per_s": {"ours": 30000.0, "dataloader": 2000.0},
                "vs_dataloader": 15.0,
                "vs_dataloader_packed": 11.0,
            },
            "copies": {"copy_gb_per_s": 24.0, "copy_hidden": 0.98},
        },
        "not_run": {},
        "wrong": {},
    },
    "training": {
        "measured": {
            "bf16_joint_224_memory_mb": 1234.0,
            "baseline_bf16_from_files_224_memory_mb": 4321.0,
            "joint_224": {
                "images_per_s": {"bf16": 900.0, "baseline_bf16_from_files": 80.0},
                "ratios": {"bf16_vs_baseline_bf16_from_files": 11.2},
                "waiting_frac": {"bf16": 0.002, "baseline_bf16_from_files": 0.9},
            },
        },
        "not_run": {"joint_512_fp32": "the device's memory is too small"},
        "wrong": {},
    },
}


@pytest.fixture
def sections(gpu, monkeypatch):
    """The sections' processes, replaced by what they leave."""
    asked = []

    def run_in_process(name, given, seconds):
        asked.append((name, seconds))
        return FIGURES[name]

    monkeypatch.setattr(gpu, "run_in_process", run_in_process)
    return asked


def test_one_json_and_one_page(gpu, sections, tmp_path, capsys):
    command = ["--out", str(tmp_path / "out"), "--device", "cpu", "--tiny", "--sections", *FIGURES]
    assert gpu.main(command) == 0
    # What a section leaves is given to the next; all together end in time.
    assert [name for name, _ in sections] == list(FIGURES) and 60 < sections[0][1] < sections[1][1] < sections[2][
        1
    ] < 345
    content = json.loads((tmp_path / "out" / "gpu.json").read_text(encoding="utf-8"))
    (run,) = content["runs"]
    assert content["details"] == FIGURES and run["machine"]["device"] == {"name": "cpu"}
    assert run["headline"]["joint_224_bf16_vs_baseline_bf16_from_files"] == 11.2
    page = (tmp_path / "out" / "gpu.txt").read_text(encoding="utf-8")
    assert page in capsys.readouterr().out
    for said in (
        "the figures mean nothing",
        "4 passed, 0 failed",
        "30,000",
        "98% of a copy's time is hidden",
        "1,234",
        "4,321",
        "bf16, times as fast as baseline_bf16_from_files: 11.2",
        "Not run: 1\n  training, joint_512_fp32: the device's memory is too small",
        "Wrong: nothing",
    ):
        assert said in page
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["gpu.json", "gpu.txt"]


def test_a_wrong_result_is_a_failure(gpu, sections, tmp_path, monkeypatch):
    wrong = {**FIGURES["loader"], "wrong": {"samples": "wrong result"}}
    monkeypatch.setitem(FIGURES, "loader", wrong)
    assert gpu.main(["--out", str(tmp_path), "--device", "cpu", "--tiny", "--sections", "loader"]) == 1


def test_a_section_that_is_stopped_keeps_what_it_had(gpu, tmp_path, monkeypatch):
    program = tmp_path / "hangs.py"
    measured = {"measured": {"rates": 1}, "not_run": {}, "wrong": {}}
    program.write_text(
        f"import pathlib, subprocess, sys, time\n"
        f"pathlib.Path({str(tmp_path)!r}, 'loader.json').write_text({json.dumps(measured)!r})\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setattr(gpu, "__file__", str(program))
    monkeypatch.setattr(gpu, "GRACE_S", 0.0)
    asked = gpu.Asked.parse(["--out", str(tmp_path), "--device", "cpu", "--tiny"])
    began = time.monotonic()
    found = gpu.run_in_process("loader", asked, 2.0)
    assert time.monotonic() - began < 30
    assert found["measured"] == {"rates": 1} and found["not_run"] == {"the rest of this section": "stopped after 2 s"}

    program.write_text("import sys; sys.exit(3)")
    assert gpu.run_in_process("loader", asked, 30.0)["not_run"] == {
        "the rest of this section": "its process ended with code 3"
    }


def test_what_cannot_be_run_is_said(gpu, tmp_path):
    record = load("gpu_record").Record(tmp_path / "one.json", 10)

    def needs_package():
        import a_package_that_is_not_there  # noqa: F401

    def is_wrong():
        raise AssertionError("one is not two")

    def is_too_large():
        raise torch.OutOfMemoryError("CUDA out of memory")

    assert record.run("fits", lambda: 3) == 3
    record.run("needs", needs_package)
    record.run("wrong", is_wrong)
    record.run("large", is_too_large)
    record.run("broken", lambda: [][1])
    record.run("long", is_wrong, takes_s=60)
    said = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    assert said["wrong"] == {"wrong": "wrong result: one is not two"}
    assert said["not_run"]["needs"] == "the package a_package_that_is_not_there is not installed"
    assert said["not_run"]["large"] == "the device's memory is too small"
    assert said["not_run"]["broken"].startswith("IndexError: list index out of range (")
    assert said["not_run"]["long"].startswith("out of time: it may take 60 s")


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what is said without a GPU")
def test_without_a_gpu_nothing_is_measured(gpu, tmp_path, capsys):
    for words, said in (([], "no CUDA device is available"), (["--device", "cpu"], "is for --tiny alone")):
        with pytest.raises(SystemExit) as ended:
            gpu.main(["--out", str(tmp_path), *words])
        assert ended.value.code == 2 and said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [] and "gpu" not in sys.argv
