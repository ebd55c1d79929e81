"""The tables of docs/inference.md, from the stored results of benchmarks/inference.py and experiments/bf16.py."""

from __future__ import annotations

from typing import Any

_ENGINES = {
    "baseline_eager": "the baseline's model, PyTorch eager",
    "ours_eager": "PyTorch eager",
    "torchscript": "TorchScript in Python",
    "aotinductor": "AOTInductor",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "openvino_bf16": "OpenVINO, bfloat16",
    "cpp_without_arena": "C++ `Predictor`, libtorch's own memory",
    "cpp_fp32": "C++ `Predictor`",
    "cpp_bf16": "C++ `Predictor`, bfloat16",
}
_BATCHES = {1: "1 radiograph", 8: "8 radiographs", 32: "32 radiographs"}


def model_table(result: dict[str, Any]) -> str:
    """Format one row per engine: milliseconds per batch."""
    rows = result["details"]["model"]
    cells = [(threads, batch) for threads in (1, 2) for batch in _BATCHES]
    heading = [f"{_BATCHES[batch]}, {threads} thread{'s' * (threads > 1)}" for threads, batch in cells]
    lines = [f"| ms | {' | '.join(heading)} |", "|---|" + "---|" * len(cells)]
    for engine, text in _ENGINES.items():
        if any(engine not in rows[f"threads_{threads}_batch_{batch}"] for threads, batch in cells):
            continue  # results of a version without this engine, or of a processor without bfloat16
        times = [rows[f"threads_{threads}_batch_{batch}"][engine]["median_s"] for threads, batch in cells]
        lines.append(f"| {text} | {' | '.join(_ms(seconds) for seconds in times)} |")
    return "\n".join(lines)


def file_table(result: dict[str, Any]) -> str:
    """Format the times from file to prediction, and from start to prediction."""
    file = result["details"]["file"]
    peak = file["peak_mb"]
    rows = {
        "reading the radiograph": f"{_ms(file['read']['median_s'])} ms",
        "the model": f"{_ms(file['model']['median_s'])} ms",
        "`egaze-run`, from file to answer": f"{_ms(file['file']['median_s'])} ms, {file['over_model']:.2f} times "
        "the two together",
        "Python's `Predictor`": f"{_ms(file['python_file']['median_s'])} ms",
        "starting `egaze-run` to the end of its first answer": f"{file['cold']['median_s']:.2f} s, checking and "
        f"loading the model within it {file['load_s']:.2f}",
        "memory at most: `egaze-run`, Python's `Predictor`, ONNX Runtime in Python": f"{peak['egaze_run']:.0f}, "
        f"{peak['python_predictor']:.0f}, {peak['onnxruntime']:.0f} MB",
    }
    heading = "| file to answer, 3056x2544 DICOM of 12 bits, one thread | |"
    return "\n".join([heading, "|---|---|", *(f"| {text} | {value} |" for text, value in rows.items())])


def bf16_table(result: dict[str, Any]) -> str:
    """Format one row per model: the difference between bfloat16 and float32 predictions, in the worse engine."""
    lines = [
        "| model | a probability: median, worst radiograph | a heatmap's pixel, worst radiograph | AUC | 8 bits |",
        "|---|---|---|---|---|",
    ]
    for model in result["details"]["models"]:
        engines = [model["python"], model["egaze_run"]]
        median, probs, heatmap, auc = (
            max(engine[key] for engine in engines) for key in ("probs_median", "probs_worst", "heatmap_worst", "auc")
        )
        lines.append(
            f"| {model['recipe']}, `{model['encoder']}` | {median:.4f}, {probs:.4f} | "
            f"{f'{heatmap:.4f}' if heatmap > 0 else '-'} | {auc:.4f} | {model['radiograph_8_bits_worst']:.4f} |"
        )
    return "\n".join(lines)


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:,.0f}" if seconds >= 0.1 else f"{1e3 * seconds:.1f}"
