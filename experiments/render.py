"""Update the tables and the plots of docs/experiments.md and docs/fixations.md from experiments/results/*.json."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import render_egd
import render_events
import render_facts
import render_gaze
import render_labels
import render_pairs
import render_real
import render_twin

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
PAGE = ROOT / "docs" / "experiments.md"
FIXATIONS = ROOT / "docs" / "fixations.md"


def read(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def with_experiments(page: str) -> str:
    """Return docs/experiments.md with updated tables."""
    gaze = read("gaze_helps")
    page = filled(page, "experiments/render.py: gaze reader", render_gaze.reader_line(gaze))
    page = filled(page, "experiments/render.py: recipes", render_gaze.table(gaze))
    page = filled(page, "experiments/render.py: controls", render_gaze.controls_table(gaze))
    page = filled(page, "experiments/render.py: curve", render_gaze.curve_table(gaze))
    page = filled(page, "experiments/render.py: gains by quality", render_gaze.qualities_table(gaze))
    page = filled(page, "experiments/render.py: egd", render_egd.table(read("egd_baseline")))
    facts = read("gaze_facts")
    page = filled(page, "experiments/render.py: gaze amounts", render_facts.amounts_table(facts))
    page = filled(page, "experiments/render.py: gaze facts", render_facts.facts_table(facts))
    pairs = read("real_pairs")
    page = filled(page, "experiments/render.py: pairs gains", render_pairs.gains_table(pairs))
    page = filled(page, "experiments/render.py: pairs maps", render_pairs.maps_table(pairs))
    page = filled(page, "experiments/render.py: pairs validation", render_pairs.validation_table(pairs))
    twin, reader_1 = read("twin_realism"), read("twin_realism_reader_1")
    page = filled(page, "experiments/render.py: twin measures", render_twin.measures_table(twin, reader_1))
    page = filled(page, "experiments/render.py: gaze qualities", render_twin.qualities_table(twin))
    real = read("real_radiographs")
    page = filled(page, "experiments/render.py: chest", render_real.chest_table(real))
    page = filled(page, "experiments/render.py: chest differences", render_real.differences_table(real))
    page = filled(page, "experiments/render.py: real gaze", render_real.gaze_table(real))
    if not (RESULTS / "real_labels.json").exists():
        return page
    return filled(page, "experiments/render.py: findings", render_labels.findings_table(read("real_labels")))


def with_fixations(page: str) -> str:
    """Return docs/fixations.md with updated tables."""
    events = read("events_accuracy")
    page = filled(page, "experiments/render.py: labelled fixations", render_events.labelled_table(events))
    return filled(page, "experiments/render.py: simulated fixations", render_events.simulated_table(events))


def filled(text: str, mark: str, content: str) -> str:
    """Return the text with the content in the place that the mark names."""
    marked = re.compile(rf"(<!-- {re.escape(mark)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not marked.search(text):
        raise ValueError(f"there is no place <!-- {mark} -->")
    return marked.sub(lambda match: f"{match[1]}{content}\n{match[2]}", text)


def main() -> None:
    PAGE.write_text(with_experiments(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    FIXATIONS.write_text(with_fixations(FIXATIONS.read_text(encoding="utf-8")), encoding="utf-8")
    render_gaze.draw(read("gaze_helps"), ROOT / "docs" / "gaze_helps.png")
    render_facts.draw(read("gaze_facts"), ROOT / "docs" / "gaze_facts.png")
    render_pairs.draw(read("real_pairs"), ROOT / "docs" / "real_pairs.png")
    render_twin.draw(read("twin_realism"), read("twin_realism_reader_1"), ROOT / "docs" / "twin_realism.png")


if __name__ == "__main__":
    main()
