"""Draw the README's and docs/experiments.md's tables and their figures from benchmarks/results/*.json."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import render_gaze
import render_inference
import render_real

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"

#: What the README says of each headline figure, by the table's heading and the benchmark.
TABLES = {
    "kernels against, one thread each": {
        "heatmap": {
            "full_vs_scipy": "heatmap of a 3056x2544 film, sigma 150 px, 60 fixations: `scipy.ndimage.gaussian_filter`",
            "small_vs_numpy": "heatmap at 224x224, sigma 13.2x11.0 px, 60 fixations: two bases and a product in NumPy",
            "egd_vs_reference": "the EGD-CXR baseline's target: scipy, matplotlib and Pillow",
        },
        "resize": {
            "area_vs_opencv": "3056x2544 uint16 to 224x224, area: OpenCV `INTER_AREA`",
            "area_vs_pillow": "the same: Pillow `BOX`",
            "area_vs_torch": "the same: torch `interpolate(antialias=True)` of the film as float32",
            "bilinear_vs_torch": "3056x2544 uint16, antialiased bilinear: torch `interpolate` of the film as float32",
            "bilinear_vs_pillow": "the same: Pillow `BILINEAR`",
            "float_area_vs_pillow": "3056x2544 float32, area: Pillow `BOX`",
            "float_bilinear_vs_torch": "3056x2544 float32, antialiased bilinear: torch `interpolate`",
            "float_bilinear_vs_pillow": "the same: Pillow `BILINEAR`",
        },
    },
    "whole stages against, two threads or processes": {
        "prepare": {
            "vs_baseline": "preparing a 3056x2544 DICOM film and its gaze: the EGD-CXR baseline's steps on one thread, "
            "which it takes again in each epoch",
        },
        "loader": {
            "vs_dataloader": "augmented films and heatmaps at 224x224: `DataLoader(num_workers=2)` with torchvision v2 "
            "on arrays in memory",
            "vs_dataloader_packed": "the same, film and heatmap packed into one tensor, its kindest case",
            "vs_baseline": "the same: the EGD-CXR baseline's loading from files",
        },
        "training": {
            "vs_baseline_fp32": "a training step of recipe `joint`, `tf_efficientnet_b0`, 16 films: the EGD-CXR "
            "baseline's model, `segmentation_models_pytorch.Unet` over the same encoder, float32",
            "vs_baseline_bf16": "the same in bfloat16",
            "vs_channels_last": "the same, the rival channels last too, the lesser of the two",
        },
    },
    "one film of 224x224 in C++, one thread, float32, against": {
        "inference": {
            "cpp_vs_baseline": "the EGD-CXR baseline's model, `segmentation_models_pytorch.Unet`, in PyTorch",
            "cpp_vs_torchscript": "our model as TorchScript in Python",
            "cpp_vs_onnxruntime": "our model in ONNX Runtime",
            "bf16_vs_fp32": "itself, now in bfloat16",
        },
    },
}


def read(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def tables() -> str:
    """The README's tables, and in words what they leave out."""
    lines = []
    for heading, benchmarks in TABLES.items():
        lines += [f"| {heading} | times as fast |", "|---|---|"]
        for name, rows in benchmarks.items():
            headline = read(name)["headline"]
            lines += [f"| {text} | {_digits(headline[key])} |" for key, text in rows.items()]
        lines.append("")
    resize, prepare, loader = (read(name)["headline"] for name in ("resize", "prepare", "loader"))
    lines += [
        f"The area resize takes {resize['area_over_memcpy']:.2f} of the time of copying the film's pixels. Preparing "
        f"runs at {prepare['films_per_s']:,.0f} films a second from memory: MIMIC-CXR's 377,110 films in "
        f"{prepare['mimic_hours']:.1f} hours and {prepare['mimic_gb']:.0f} GB, if the disk keeps up. The loader gives "
        f"{loader['samples_per_s']:,.0f} samples a second; a training step on the processor waits "
        f"{100 * loader['wait_share']:.1f} % of its time for it, and its memory grows by "
        f"{loader['rss_growth_mb']:.1f} MB over 100 epochs.",
        "",
        f"Medians on {_machine()}.",
    ]
    return "\n".join(lines)


def _machine() -> str:
    machines = [read(name)["machine"] for benchmarks in TABLES.values() for name in benchmarks]
    versions = {package: number for machine in machines for package, number in machine["versions"].items()}
    said = ", ".join(f"{package} {number}" for package, number in sorted(versions.items()) if package != "egaze")
    processors = sorted({f"{machine['processor']} ({machine['simd']})" for machine in machines})
    return f"{' and '.join(processors)}, {machines[0]['processors']} processors; {said}"


def _digits(ratio: float) -> str:
    """Two digits for small ratios: 5 and 5.4 differ."""
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def with_table(readme: str) -> str:
    """The README with its tables drawn anew."""
    return _filled(readme, "benchmarks/render.py", tables())


def with_experiments(page: str) -> str:
    """docs/experiments.md with its tables drawn anew."""
    gaze = read("gaze_helps")
    page = _filled(page, "benchmarks/render.py: recipes", render_gaze.table(gaze))
    page = _filled(page, "benchmarks/render.py: curve", render_gaze.curve_table(gaze))
    real = read("real_films")
    page = _filled(page, "benchmarks/render.py: chest", render_real.chest_table(real))
    page = _filled(page, "benchmarks/render.py: chest differences", render_real.differences_table(real))
    return _filled(page, "benchmarks/render.py: real gaze", render_real.gaze_table(real))


def with_inference(page: str) -> str:
    """docs/inference.md with its tables drawn anew."""
    inference = read("inference")
    page = _filled(page, "benchmarks/render.py: model", render_inference.model_table(inference))
    page = _filled(page, "benchmarks/render.py: file", render_inference.file_table(inference))
    return _filled(page, "benchmarks/render.py: bf16", render_inference.bf16_table(read("bf16")))


def _filled(text: str, mark: str, content: str) -> str:
    """The text with the content in the place that the mark names."""
    marked = re.compile(rf"(<!-- {re.escape(mark)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not marked.search(text):
        raise ValueError(f"there is no place <!-- {mark} -->")
    return marked.sub(lambda match: f"{match[1]}{content}\n{match[2]}", text)


def draw_scaling(path: Path) -> None:
    """Our times over film size, fixations and sigma, and over the resized size."""
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
    """The loader's samples a second over threads, batch size and fixations."""
    from matplotlib.figure import Figure

    rows = read("loader")["details"]["scaling"]
    usual = {"threads": 2, "batch_size": 32, "fixations": 45}
    panels = {"threads": "threads", "batch_size": "batch size", "fixations": "fixations a film"}
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
        "README.md": with_table,
        "docs/experiments.md": with_experiments,
        "docs/inference.md": with_inference,
    }
    for path, drawn in ((ROOT / name, drawn) for name, drawn in pages.items()):
        path.write_text(drawn(path.read_text(encoding="utf-8")), encoding="utf-8")
    draw_scaling(ROOT / "docs" / "kernels_scaling.png")
    draw_loader_scaling(ROOT / "docs" / "loader_scaling.png")
    render_gaze.draw(read("gaze_helps"), ROOT / "docs" / "gaze_helps.png")


if __name__ == "__main__":
    main()
