"""Update the tables and plots of the README and of docs/performance.md, inference.md, reproducibility.md and scale.md.

Each number is the worst of the stored runs, so that a user's own run should not be below it.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import render_epoch
import render_inference
import render_reproducibility
import render_scale

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
EXPERIMENTS = ROOT / "experiments" / "results"

#: What docs/performance.md says about each headline number, by the table's heading and the benchmark.
TABLES = {
    "kernels against, one thread each": {
        "heatmap": {
            "full_vs_scipy": "heatmap of 3056x2544 pixels, sigma 150 px, 60 fixations: `scipy.ndimage.gaussian_filter`",
            "small_vs_numpy": "heatmap at 224x224, sigma 13.2x11.0 px, 60 fixations: two bases and a product in NumPy",
            "egd_vs_reference": "the EGD-CXR baseline's target: scipy, matplotlib and Pillow",
        },
        "resize": {
            "area_vs_opencv": "3056x2544 uint16 to 224x224, area: OpenCV `INTER_AREA`",
            "area_vs_pillow": "the same: Pillow `BOX`",
            "area_vs_torch": "the same: torch `interpolate(antialias=True)` of the image as float32",
            "bilinear_vs_torch": "3056x2544 uint16, antialiased bilinear: torch `interpolate` of it as float32",
            "bilinear_vs_pillow": "the same: Pillow `BILINEAR`",
            "float_area_vs_pillow": "3056x2544 float32, area: Pillow `BOX`",
            "float_bilinear_vs_torch": "3056x2544 float32, antialiased bilinear: torch `interpolate`",
            "float_bilinear_vs_pillow": "the same: Pillow `BILINEAR`",
        },
    },
    "whole stages against, two threads or processes": {
        "prepare": {
            "vs_baseline": "preparing a 3056x2544 DICOM file and its gaze: the EGD-CXR baseline's steps on one thread, "
            "which it takes again in each epoch",
        },
        "loader": {
            "vs_dataloader": "augmented images and heatmaps at 224x224: `DataLoader(num_workers=2)` with torchvision "
            "v2 on arrays in memory",
            "vs_dataloader_packed": "the same, radiograph and heatmap packed into one tensor, its kindest case",
            "vs_baseline": "the same: the EGD-CXR baseline's loading from files",
        },
        "training": {
            "vs_baseline_fp32": "a training step of recipe `joint`, `tf_efficientnet_b0`, 16 radiographs: the EGD-CXR "
            "baseline's model, `segmentation_models_pytorch.Unet` over the same encoder, float32",
            "vs_baseline_bf16": "the same in bfloat16",
            "vs_channels_last": "the same, the rival channels last too, the lesser of the two",
        },
    },
    "one radiograph of 224x224 in C++, one thread, float32, against": {
        "inference": {
            "cpp_vs_baseline": "the EGD-CXR baseline's model, `segmentation_models_pytorch.Unet`, in PyTorch",
            "cpp_vs_torchscript": "our model as TorchScript in Python",
            "cpp_vs_onnxruntime": "our model in ONNX Runtime",
            "arena_vs_libtorch": "itself without `tensor_arena`",
            "bf16_vs_fp32": "itself, now in bfloat16",
        },
    },
}


def read(name: str) -> dict[str, Any]:
    """Read the stored runs of a benchmark or an experiment."""
    path = next(path for folder in (RESULTS, EXPERIMENTS) if (path := folder / f"{name}.json").exists())
    return json.loads(path.read_text(encoding="utf-8"))


def least(name: str, key: str) -> float:
    """Return the worst of the stored runs if higher is better."""
    return min(_figures(name, key))


def most(name: str, key: str) -> float:
    """Return the worst of the stored runs if lower is better."""
    return max(_figures(name, key))


def _figures(name: str, key: str) -> list[float]:
    return [run["headline"][key] for run in read(name)["runs"] if key in run["headline"]]


def tables() -> str:
    """Format the tables of docs/performance.md, and a text with the remaining numbers."""
    lines = []
    for heading, benchmarks in TABLES.items():
        lines += [f"| {heading} | times as fast, at least |", "|---|---|"]
        for name, rows in benchmarks.items():
            lines += [f"| {text} | {_digits(least(name, key))} |" for key, text in rows.items()]
        lines.append("")
    lines += [
        f"A call of `rasterize_fixations` from Python costs at most "
        f"{most('heatmap', 'call_cost_us'):.1f} microseconds beside the heatmap's pixels. "
        f"The area resize takes at most {most('resize', 'area_over_memcpy'):.2f} times as long as copying the "
        f"radiograph's pixels. Preparing runs at {least('prepare', 'images_per_s'):,.0f} radiographs a second or more "
        f"from memory: the 377,110 of MIMIC-CXR in {most('prepare', 'mimic_hours'):.1f} hours and "
        f"{most('prepare', 'mimic_gb'):.0f} GB, if the disk keeps up. The loader gives at least "
        f"{least('loader', 'samples_per_s'):,.0f} samples a second; a training step on the processor waits at most "
        f"{100 * most('loader', 'wait_share'):.1f} % of its time for it, and its memory grows by at most "
        f"{most('loader', 'rss_growth_mb'):.1f} MB over 100 epochs.",
        "",
        _runs(),
    ]
    return "\n".join(lines)


def results_table() -> str:
    """Format the README's table."""
    gaze = read("gaze_helps")["runs"][-1]["headline"]
    reader = read("gaze_helps")["details"]["settings"].get("twin_reader_version", 1)
    gain = f"{gaze['auc_gain']:.3f} ({gaze['auc_gain_low']:.3f} to {gaze['auc_gain_high']:.3f})"
    real = read("real_radiographs")["runs"][-1]["headline"]
    pairs = read("real_pairs")["runs"][-1]["headline"]
    events = read("events_accuracy")["runs"][-1]["headline"]
    rows = [
        (
            f"Does gaze help? Synthetic radiographs and gaze, of readers of version {reader}",
            f"macro AUC {gaze['auc_control']:.3f} without gaze, {gaze['auc_best']:.3f} with it: gain {gain}",
            "gaze_helps",
        ),
        (
            "Maps against gaze, the same",
            f"CC {gaze['map_cc']:.2f}, of the centre-bias map {gaze['centre_cc']:.2f}",
            "gaze_helps",
        ),
        (
            "Real gaze of radiologists on 30 radiographs, five folds",
            f"CC {pairs['cc_gain']:.3f} ({pairs['cc_gain_low']:.3f} and more) over the training radiographs' mean map, "
            f"NSS {pairs['nss_gain']:.3f} ({pairs['nss_gain_low']:.3f} and more); classes at chance",
            "real_pairs",
        ),
        (
            "Fixations in samples, against three recordings labelled by hand, in whose sight settings were chosen",
            f"F1 {events['labelled_f1']:.3f}, of pymovements' I-VT {events['labelled_pymovements']:.3f}, "
            f"of REMoDNaV {events['labelled_remodnav']:.3f}",
            "events_accuracy",
        ),
        (
            "Real gaze of people on 80 photographs",
            f"NSS {real['nss']:.2f}, of the centre-bias map {real['centre_nss']:.2f}, "
            f"of other viewers {real['viewers_nss']:.2f}",
            "real_radiographs",
        ),
        (
            "Heatmap of a 3056x2544 radiograph",
            f"at least {_digits(least('heatmap', 'full_vs_scipy'))} times as fast as SciPy",
            "heatmap",
        ),
        (
            "Bringing that radiograph to 224x224",
            f"at least {_digits(least('resize', 'area_vs_opencv'))} times as fast as OpenCV, "
            f"{_digits(least('resize', 'area_vs_pillow'))} times as Pillow",
            "resize",
        ),
        (
            "Preparing radiographs",
            f"at least {least('prepare', 'images_per_s'):,.0f} radiographs a second on two processors",
            "prepare",
        ),
        (
            "Augmented radiographs and heatmaps",
            f"at least {least('loader', 'samples_per_s'):,.0f} samples a second, "
            f"{_digits(least('loader', 'vs_dataloader_packed'))} times PyTorch's `DataLoader` at its kindest",
            "loader",
        ),
        (
            "A training step on the processor",
            f"at least {_digits(least('training', 'vs_channels_last'))} times as fast as `segmentation_models_pytorch`",
            "training",
        ),
        (
            "A prediction in C++, one thread",
            f"at most {most('inference', 'cpp_ms'):.1f} ms, at least "
            f"{_digits(least('inference', 'cpp_vs_onnxruntime'))} times as fast as ONNX Runtime; "
            f"{most('inference', 'file_ms'):.1f} ms from a DICOM file",
            "inference",
        ),
    ]
    lines = ["| what | result | command |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {result} | `{_command(name)}` |" for what, result, name in rows)])


def _command(name: str) -> str:
    return f"{'experiments' if (EXPERIMENTS / f'{name}.json').exists() else 'benchmarks'}/{name}.py"


def _runs() -> str:
    """Say where and when the tables' numbers were measured."""
    runs = [run for benchmarks in TABLES.values() for name in benchmarks for run in read(name)["runs"]]
    machines = [run["machine"] for run in runs]
    latest = [read(name)["runs"][-1]["machine"] for benchmarks in TABLES.values() for name in benchmarks]
    versions = {package: number for machine in latest for package, number in machine["versions"].items()}
    said = ", ".join(f"{package} {number}" for package, number in sorted(versions.items()) if package != "egaze")
    processors = sorted({f"{machine['processor']} ({machine['simd']})" for machine in machines})
    days = sorted({run["date"] for run in runs})
    when = days[0] if len(days) == 1 else f"{len(days)} days, {days[0]} to {days[-1]}"
    return (
        f"Every figure is the worst of the stored runs' medians. They are of {when}, on "
        f"{' and '.join(processors)}, {machines[0]['processors']} processors; the last with {said}."
    )


def _digits(ratio: float) -> str:
    """Round a ratio down: to an integer from 10 on, to one decimal from 2 on, else to two."""
    if ratio >= 10:
        return f"{math.floor(ratio):,}"
    decimals = 1 if ratio >= 2 else 2
    return f"{math.floor(10**decimals * ratio + 1e-9) / 10**decimals:.{decimals}f}"


def with_results(readme: str) -> str:
    """Return the README with an updated table."""
    return filled(readme, "benchmarks/render.py", results_table())


def with_performance(page: str) -> str:
    """Return docs/performance.md with updated tables."""
    page = filled(page, "benchmarks/render.py", tables())
    return filled(page, "benchmarks/render.py: epoch", render_epoch.epoch_table(read("epoch")))


def with_inference(page: str) -> str:
    """Return docs/inference.md with updated tables."""
    inference = read("inference")
    page = filled(page, "benchmarks/render.py: model", render_inference.model_table(inference))
    page = filled(page, "benchmarks/render.py: file", render_inference.file_table(inference))
    return filled(page, "benchmarks/render.py: bf16", render_inference.bf16_table(read("bf16")))


def with_reproducibility(page: str) -> str:
    """Return docs/reproducibility.md with an updated table."""
    stored = {path.stem for folder in (RESULTS, EXPERIMENTS) for path in folder.glob("*.json")}
    names = [name for name in render_reproducibility.FIGURES if name in stored]
    table = render_reproducibility.table({name: read(name) for name in names}, {name: _command(name) for name in names})
    return filled(page, "benchmarks/render.py: reproducibility", table)


def with_scale(page: str) -> str:
    """Return docs/scale.md with updated tables."""
    page = filled(page, "benchmarks/render.py: scale", render_scale.cost_table(read("scale")))
    return filled(page, "benchmarks/render.py: machines", render_scale.machines_table(read("scale")))


def filled(text: str, mark: str, content: str) -> str:
    """Return the text with the content in the place that the mark names."""
    marked = re.compile(rf"(<!-- {re.escape(mark)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not marked.search(text):
        raise ValueError(f"there is no place <!-- {mark} -->")
    return marked.sub(lambda match: f"{match[1]}{content}\n{match[2]}", text)


def draw_scaling(path: Path) -> None:
    """Plot our times over radiograph size, fixations and sigma, and over the resized size."""
    from matplotlib.figure import Figure

    rows = read("heatmap")["details"]["scaling"]
    usual = {"side_px": 224, "fixations": 60, "sigma_frac": 0.05}
    panels = {"side_px": "heatmap's side, px", "fixations": "fixations", "sigma_frac": "sigma, fraction of the side"}
    figure = Figure(figsize=(13, 3.2), layout="constrained")
    axes = figure.subplots(1, 4)
    for plot, (key, label) in zip(axes, panels.items(), strict=False):
        others = {name: value for name, value in usual.items() if name != key}
        chosen = sorted(
            (row for row in rows if all(row[name] == value for name, value in others.items())), key=lambda row: row[key]
        )
        plot.loglog([row[key] for row in chosen], [row["median_s"] * 1e6 for row in chosen], marker="o")
        plot.set(xlabel=label, ylabel="microseconds")
    resized = read("resize")["details"]["scaling"]
    axes[3].loglog([row["out_px"] for row in resized], [row["median_s"] * 1e6 for row in resized], marker="o")
    axes[3].set(xlabel="3056x2544 uint16 resized to, px", ylabel="microseconds")
    for plot in axes:
        plot.grid(alpha=0.3)
    figure.savefig(path, dpi=90)


def draw_loader_scaling(path: Path) -> None:
    """Plot the loader's samples per second over threads, batch size and fixations."""
    from matplotlib.figure import Figure

    rows = read("loader")["details"]["scaling"]
    usual = {"threads": 2, "batch_size": 32, "fixations": 45}
    panels = {"threads": "threads", "batch_size": "batch size", "fixations": "fixations a radiograph"}
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    for plot, (key, label) in zip(figure.subplots(1, 3, sharey=True), panels.items(), strict=True):
        others = {name: value for name, value in usual.items() if name != key}
        chosen = sorted(
            (row for row in rows if all(row[name] == value for name, value in others.items())), key=lambda row: row[key]
        )
        plot.plot([row[key] for row in chosen], [row["samples_per_s"] for row in chosen], marker="o")
        plot.set(xlabel=label)
        plot.set_xscale("linear" if key == "threads" else "log")
        plot.grid(alpha=0.3)
    figure.axes[0].set(
        ylabel="samples a second",
        ylim=(0, 1.05 * max(row["samples_per_s"] for row in rows)),
        xticks=range(1, 1 + max(row["threads"] for row in rows)),
    )
    figure.savefig(path, dpi=90)


def main() -> None:
    pages = {
        "README.md": with_results,
        "docs/performance.md": with_performance,
        "docs/inference.md": with_inference,
        "docs/reproducibility.md": with_reproducibility,
        "docs/scale.md": with_scale,
    }
    for path, drawn in ((ROOT / name, drawn) for name, drawn in pages.items()):
        path.write_text(drawn(path.read_text(encoding="utf-8")), encoding="utf-8")
    draw_scaling(ROOT / "docs" / "kernels_scaling.png")
    draw_loader_scaling(ROOT / "docs" / "loader_scaling.png")


if __name__ == "__main__":
    main()
