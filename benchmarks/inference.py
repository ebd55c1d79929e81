"""One model run by every engine: images of 224x224 in batches of 1, 8 and 32 with one and two threads, and from file to
prediction.

cpp_vs_onnxruntime  ONNX Runtime's time divided by the C++ Predictor's: float32, batch 1, one thread, the model only
cpp_vs_openvino     OpenVINO's time divided by the C++ Predictor's, likewise
bf16_vs_openvino    OpenVINO's time in bfloat16 divided by the C++ Predictor's in bfloat16, likewise
cpp_vs_baseline     time of the EGD-CXR baseline's eager model divided by the C++ Predictor's, likewise
cpp_vs_torchscript  time of TorchScript in Python divided by the C++ Predictor's, likewise
arena_vs_libtorch   time of the C++ Predictor with libtorch's own memory for tensors divided by that with the arena
bf16_vs_fp32        the C++ Predictor's time in float32 divided by that in bfloat16, if the processor supports it
file_over_model     time of egaze-run from a 3056x2544 DICOM file to the prediction, divided by the time of reading the
                    radiograph and of the model (smaller is better)
cold_start_s        time from starting egaze-run to the end of its prediction for that file
proof_ms            time of proving the model's program (parsing, types and shapes, writing it again): under 50
check_ms            time of checking the model file as a whole: reading, layout, CRC-32, SHA-256 and proof
cpp_ms, file_ms     time of the C++ Predictor only, and from file to prediction
peak_mb             peak memory of egaze-run, including the model and the radiograph

ONNX Runtime and OpenVINO run the file that `egaze export` writes; OpenVINO compiles it for each number of radiographs.
The C++ Predictor is timed by `egaze-run --bench`, which places each radiograph and copies each prediction; the other
engines are given a tensor. Engines take turns, and a ratio is the median over the turns, so that a drift of the
machine's speed affects all alike. Every engine's predictions are first compared with the eager model's.

Needs a built egaze-run (EGAZE_RUN, or build/cpp), segmentation-models-pytorch, onnxruntime and openvino; AOTInductor a
C++ compiler.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import openvino
import segmentation_models_pytorch as smp
import torch
from harness import Turns, arguments, finish, one_thread_for_rivals, rounded, take_turns
from model_files import CLASSES, SIZE_PX, bench, export, export_onnx, run_runner
from prepare import stored_values, write_radiograph

from egaze import Predictor
from egaze.deploy.export import ExportedModel
from egaze.deploy.spec import read_model
from egaze.models import DualHeadUNet

THREADS, BATCHES = (1, 2), (1, 8, 32)
PROOF_MS = 50  # that the proof of a program may take

Engine = Callable[[int, int], float]  # threads and batch to seconds


def export_aoti(model: torch.nn.Module, path: Path) -> Path:
    batch = torch.export.Dim("batch", min=1, max=64)
    with torch.no_grad():
        program = torch.export.export(
            model, (torch.rand(2, 1, SIZE_PX, SIZE_PX),), dynamic_shapes=({0: batch},), strict=False
        )
        torch._inductor.aoti_compile_and_package(
            program, package_path=str(path), inductor_configs={"freezing": True, "cpp.threads": -1}
        )
    return path


def images(batch: int) -> np.ndarray:
    return np.random.default_rng(batch).random((batch, 1, SIZE_PX, SIZE_PX), dtype=np.float32)


def mean_seconds(call: Callable[[], Any], calls: int) -> float:
    call()
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) / calls


def measure_check(path: Path) -> dict[str, float]:
    """Time the check of a model file, and the proof of its program within it."""
    check_s, proof_s = [], []
    for _ in range(10):
        started = time.perf_counter()
        proof_s.append(read_model(path).proof.seconds)
        check_s.append(time.perf_counter() - started)
    milliseconds = {"proof_ms": 1000 * float(np.median(proof_s)), "check_ms": 1000 * float(np.median(check_s))}
    assert milliseconds["proof_ms"] < PROOF_MS, milliseconds
    return milliseconds


def calls_of(batch: int) -> int:
    return max(1, 10 // batch)


def by_torch(module: Callable[[torch.Tensor], Any], channels: int = 1) -> Engine:
    def seconds(threads: int, batch: int) -> float:
        torch.set_num_threads(threads)
        image = torch.from_numpy(images(batch)).expand(-1, channels, -1, -1).contiguous()
        with torch.inference_mode():
            return mean_seconds(lambda: module(image), calls_of(batch))

    return seconds


def by_onnxruntime(path: Path) -> Engine:
    sessions = {threads: onnx_session(path, threads) for threads in THREADS}

    def seconds(threads: int, batch: int) -> float:
        image = images(batch)
        return mean_seconds(lambda: sessions[threads].run(None, {"image": image}), calls_of(batch))

    return seconds


def onnx_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def by_openvino(path: Path, precision: str) -> Engine:
    core, compiled = openvino.Core(), {}

    def seconds(threads: int, batch: int) -> float:
        if (threads, batch) not in compiled:
            compiled[threads, batch] = openvino_model(core, path, precision, threads, batch)
        image = images(batch)
        return mean_seconds(lambda: compiled[threads, batch](image), calls_of(batch))

    return seconds


def openvino_model(core: Any, path: Path, precision: str, threads: int, batch: int) -> Any:
    model = core.read_model(path)
    model.reshape([batch, 1, SIZE_PX, SIZE_PX])
    options = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    return core.compile_model(model, "CPU", options).create_infer_request().infer


def by_runner(model: Path, radiograph: Path, *options: str) -> Engine:
    return lambda threads, batch: bench(model, radiograph, threads, batch, calls_of(batch), *options)["model_s"][
        "median_s"
    ]


def check(files: dict[str, Path], modules: dict[str, Any], folder: Path) -> dict[str, float]:
    """Return the largest difference of any probability or heatmap value from the eager model's."""
    image = images(1)
    np.save(folder / "small.npy", image[0, 0])
    with torch.inference_mode():
        expected = [answer.numpy() for answer in modules["ours_eager"](torch.from_numpy(image))]
        found = {
            name: [answer.float().numpy() for answer in module(torch.from_numpy(image))]
            for name, module in modules.items()
        }
    found["onnxruntime"] = onnx_session(files["onnx"], 1).run(None, {"image": image})
    for engine, precision in openvino_precisions().items():
        found[engine] = list(openvino_model(openvino.Core(), files["onnx"], precision, 1, 1)(image).values())
    for precision in ("fp32", "bf16"):
        (said,) = json.loads(run_runner(files[precision], folder / "small.npy", "--out", folder))["predictions"]
        probs = np.array([list(said["class_probs"].values())])
        found[f"cpp_{precision}"] = [probs, np.load(said["heatmap_npy"])[None, None]]
    errors = {
        name: max(float(np.abs(one - other).max()) for one, other in zip(answers, expected, strict=True))
        for name, answers in found.items()
    }
    for name, error in errors.items():
        assert error < (2e-2 if name.endswith("bf16") else 1e-4), (name, error)
    return errors


def measure_files(files: dict[str, Path], radiograph: Path, turns: int) -> dict[str, Any]:
    """Time the way from a full-size DICOM file to the prediction."""
    torch.set_num_threads(1)
    predictor = Predictor(files["fp32"])
    repeats, over_model, details = 5, [], Turns({name: [] for name in ("file", "read", "model", "python_file", "cold")})
    for _ in range(turns):
        times = bench(files["fp32"], radiograph, 1, 1, repeats)
        file_s, read_s, model_s = (times[name]["median_s"] for name in ("predict_s", "read_s", "model_s"))
        over_model.append(file_s / (read_s + model_s))
        started = time.perf_counter()
        answer = json.loads(run_runner(files["fp32"], radiograph, "--threads", 1))["predictions"][0]
        cold_s = time.perf_counter() - started
        python_s = mean_seconds(lambda: predictor.predict(radiograph), repeats)
        for name, value in zip(details.seconds, (file_s, read_s, model_s, python_s, cold_s), strict=True):
            details.seconds[name].append(value)
    np.testing.assert_allclose(
        list(answer["class_probs"].values()), predictor.predict(radiograph).class_probs, atol=1e-5
    )
    return {
        "over_model": float(np.median(over_model)),
        "peak_mb": {"egaze_run": times["peak_rss_mb"], **python_peaks_mb(files)},
        "load_s": times["load_s"],
        **details.details(),
    }


def python_peaks_mb(files: dict[str, Path]) -> dict[str, float]:
    """Measure the peak memory of Python for one small radiograph, with each engine in a process of its own."""
    programs = {
        "python_predictor": f"from egaze import Predictor; Predictor({str(files['fp32'])!r}).predict(image[0, 0])",
        "onnxruntime": "import onnxruntime; onnxruntime.InferenceSession("
        f"{str(files['onnx'])!r}, providers=['CPUExecutionProvider']).run(None, {{'image': image}})",
    }
    peaks = {}
    for name, program in programs.items():
        code = f"import numpy as np\nimage = np.zeros((1, 1, {SIZE_PX}, {SIZE_PX}), np.float32)\n{program}\n"
        code += "lines = open('/proc/self/status').read().splitlines()\n"
        code += "print(next(line.split()[1] for line in lines if line.startswith('VmHWM')))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        peaks[name] = float(done.stdout) / 1024
    return peaks


def openvino_precisions() -> dict[str, str]:
    return {"openvino": "f32", **({"openvino_bf16": "bf16"} if computes_bf16() else {})}


def computes_bf16() -> bool:
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags


def measure(folder: Path, quick: bool) -> tuple[dict[str, float], dict[str, Any]]:
    torch.manual_seed(0)
    model = DualHeadUNet("tf_efficientnet_b0", len(CLASSES)).eval()
    exported = ExportedModel(model).eval()
    aux_params = {"classes": len(CLASSES), "dropout": 0.5}
    baseline = smp.Unet("timm-efficientnet-b0", encoder_weights=None, classes=1, aux_params=aux_params).eval()
    files = {precision: export(model, folder / f"{precision}.pt", precision) for precision in ("fp32", "bf16")}
    files["onnx"] = export_onnx(files["fp32"], folder / "model.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        modules: dict[str, Any] = {"ours_eager": exported, "torchscript": torch.jit.load(files["fp32"])}
        if not quick:
            files["aoti"] = export_aoti(exported, folder / "model.pt2")
            modules["aotinductor"] = torch._inductor.aoti_load_package(str(files["aoti"]))
    radiograph, small = folder / "0.dcm", folder / "small.npy"
    write_radiograph(radiograph, stored_values(0))

    details: dict[str, Any] = {"largest_difference": check(files, modules, folder), "model": {}}
    engines = {
        "baseline_eager": by_torch(baseline, channels=3),
        **{name: by_torch(module) for name, module in modules.items()},
        "onnxruntime": by_onnxruntime(files["onnx"]),
        **{name: by_openvino(files["onnx"], precision) for name, precision in openvino_precisions().items()},
        "cpp_fp32": by_runner(files["fp32"], small),
        "cpp_without_arena": by_runner(files["fp32"], small, "--no-tensor-arena"),
        "cpp_bf16": by_runner(files["bf16"], small),
    }
    first = None
    for threads in THREADS[: 1 if quick else 2]:
        for batch in BATCHES[: 1 if quick else 3]:
            samplers = {name: partial(engine, threads, batch) for name, engine in engines.items()}
            turns = take_turns(samplers, (5 if batch == 1 else 1) if quick else 15 if batch == 1 else 3)
            details["model"][f"threads_{threads}_batch_{batch}"] = turns.details()
            first = first or turns
    details["check"] = measure_check(files["fp32"])
    details["file"] = measure_files(files, radiograph, 3 if quick else 7)
    headline = {
        "cpp_vs_onnxruntime": first.ratio("onnxruntime", "cpp_fp32"),
        "cpp_vs_openvino": first.ratio("openvino", "cpp_fp32"),
        **({"bf16_vs_openvino": first.ratio("openvino_bf16", "cpp_bf16")} if computes_bf16() else {}),
        "cpp_vs_baseline": first.ratio("baseline_eager", "cpp_fp32"),
        "cpp_vs_torchscript": first.ratio("torchscript", "cpp_fp32"),
        "arena_vs_libtorch": first.ratio("cpp_without_arena", "cpp_fp32"),
        **({"bf16_vs_fp32": first.ratio("cpp_fp32", "cpp_bf16")} if computes_bf16() else {}),
        "file_over_model": rounded(details["file"]["over_model"]),
        "cold_start_s": rounded(details["file"]["cold"]["median_s"]),
        **{name: rounded(value) for name, value in details["check"].items()},
        "cpp_ms": rounded(1000 * first.median("cpp_fp32")),
        "file_ms": rounded(1000 * details["file"]["file"]["median_s"]),
        "peak_mb": rounded(details["file"]["peak_mb"]["egaze_run"]),
    }
    return headline, details


def main() -> None:
    quick = arguments(__doc__).quick
    with tempfile.TemporaryDirectory() as folder:
        headline, details = measure(Path(folder), quick)
    packages = ["torch", "timm", "onnxruntime", "openvino", "segmentation-models-pytorch"]
    finish("inference", headline, details, packages, quick=quick)


if __name__ == "__main__":
    one_thread_for_rivals()
    main()
