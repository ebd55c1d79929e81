"""The table of the findings of real radiographs for docs/experiments.md, from stored results."""

from __future__ import annotations

from typing import Any

from render_gaze import interval

_COLUMNS = (
    "finding",
    "radiographs",
    "AUC",
    "DenseNet-121, same radiographs",
    "difference, Holm's p",
    "DenseNet-121",
    "CheXNet",
    "Wang et al.",
)


def findings_table(result: dict[str, Any]) -> str:
    """Format one row per finding, the most frequent first, then the means over those with enough cases."""
    details = result["details"]
    rows = []
    for name, item in sorted(details["findings"].items(), key=lambda pair: -pair[1]["cases"]):
        published, less = item["published"], item["less_densenet121"]
        p_value = less["holm_p_value"]
        rows.append(
            [
                name.replace("_", " ") + ("" if item["enough_cases"] else " (not in the mean)"),
                f"{item['cases']} ({100 * item['prevalence']:.0f} %)",
                interval(item["auc"]),
                interval(item["auc_densenet121"]),
                f"{interval(less, sign='+')}, {'p < 0.001' if p_value < 0.001 else f'p = {p_value:.3f}'}",
                *(f"{published[key]:.3f}" for key in ("densenet121", "chexnet", "wang_2017")),
            ]
        )
    means = details["macro_published"]
    rows.append(
        [
            f"mean of {details['findings_counted']}",
            "",
            interval(details["macro_auc"]),
            f"{details['macro_auc_densenet121']:.3f}",
            "",
            *(f"{means[key]:.3f}" for key in ("densenet121", "chexnet", "wang_2017")),
        ]
    )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (_COLUMNS, ["---"] * len(_COLUMNS), *rows))
