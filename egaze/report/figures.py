"""The report's figures as SVG that takes the page's text colour, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

# Okabe and Ito's palette, which colour-blind readers tell apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999")
# Stands for the page's text colour until the SVG is written.
_INK = "#010203"
_STYLE = {
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": _INK,
    "font.family": "sans-serif",
    "font.size": 10,
    "legend.frameon": False,
    "legend.labelcolor": _INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "egaze",
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def roc_curves(predictions: pl.DataFrame, metrics: dict[str, Any]) -> str:
    """One ROC curve a class, its AUC and interval in the legend."""
    labelled = predictions.filter(pl.col("label").is_not_null())
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(5.2, 4.6), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=_INK, alpha=0.4, linestyle=":", linewidth=1)
        for (name, facts), colour in zip(metrics["classification"]["classes"].items(), _cycle(), strict=False):
            if (auc := facts["auc"]) is None:
                continue
            is_class = (labelled["label"] == name).to_numpy()
            fpr, tpr, _ = roc_curve(is_class, labelled[f"prob_{name}"].to_numpy(), drop_intermediate=False)
            text = f"{name}: {auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})"
            axes.plot(fpr, tpr, color=colour, linewidth=1.8, label=text)
        axes.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.set_aspect("equal")
        axes.legend(loc="lower right", fontsize=9, title="AUC (95 % interval)", title_fontsize=9)
        return _svg(figure, "ROC curves, one a class")


def training_curves(log: Sequence[dict[str, Any]], side: str = "validation") -> str:
    """Losses and AUC by epoch, the chosen epoch marked; `side` of the split chose it."""
    epochs = np.arange(1, len(log) + 1)
    has_heatmap = any(_finite(line.get("train_heatmap")) for line in log)
    panels = ["classification", *(["heatmap"] if has_heatmap else []), "auc"]
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(3.5 * len(panels), 2.9), layout="constrained")
        chosen = [number for number, line in zip(epochs, log, strict=True) if line["best"]][-1:]
        for axes, panel in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
            if panel == "auc":
                _curve(axes, epochs, log, f"{side}_macro_auc", COLOURS[1], side)
                axes.set(title="macro AUC", ylim=(None, 1.0))
            else:
                _curve(axes, epochs, log, f"train_{panel}", COLOURS[0], "training")
                _curve(axes, epochs, log, f"{side}_{panel}", COLOURS[1], side)
                axes.set(title=f"{panel} loss")
            for number in chosen:
                axes.axvline(number, color=_INK, alpha=0.5, linestyle="--", linewidth=1, label="chosen epoch")
            axes.set_xlabel("epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
        figure.axes[0].legend(fontsize=8)
        return _svg(figure, f"training and {side} losses and {side} AUC by epoch")


def _curve(axes: Axes, epochs: np.ndarray, log: Sequence[dict[str, Any]], key: str, colour: str, label: str) -> None:
    values = [value if _finite(value := line.get(key)) else np.nan for line in log]
    axes.plot(epochs, values, color=colour, marker=".", linewidth=1.5, label=label)


def _finite(value: Any) -> bool:
    return value is not None and bool(np.isfinite(value))


def _cycle() -> list[str]:
    return list(COLOURS) * 16


def _svg(figure: Figure, description: str) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    # Ids would clash between the figures of one page.
    prefix = re.sub(r"\W+", "-", description)
    text = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{prefix}-", text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{description}" ', 1)
