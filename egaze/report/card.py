"""The model card, and the tables of the study's sources and splits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egaze.report.words import control
from egaze.study import Study
from egaze.study.splits import SPLITS
from egaze.training.run import Run

_NOT_A_DEVICE = (
    "For research use, not for diagnosis. This is not a medical device: it has not been cleared and must not guide "
    "anybody's care."
)
_OTHER_CONDITIONS = {
    "exclusive": "It knows only the classes named here. A radiograph with any other condition is still assigned one of "
    "them.",
    "independent": "It knows only the classes named here, and says nothing of any other condition.",
}
_LIMITS = (
    "It was trained and evaluated on one study. Other hospitals, devices, views and patients were not tested unless "
    "they are among the sources above.",
    "A gaze heatmap shows where readers looked, and Grad-CAM where the score is sensitive; neither proves a finding.",
    "Intervals reflect the sampling of patients, not the choice of splits, seed or recipe.",
)
_SYNTHETIC = (
    "The radiographs and gaze are synthetic. The results show whether the method works and say nothing about patients."
)


def model_card(run: Run, study: Study) -> list[tuple[str, str]]:
    """Return rows of (name, text) that describe the model, its data and its versions."""
    facts, counts, model = run.facts, study.manifest["counts"], run.recipe.model
    heads = "classification and heatmap" if model.heatmap_head else "classification only"
    sources = ", ".join(
        f"{source.layout} ({source.cases:,} cases{', synthetic' if source.synthetic else ''})"
        for source in hygiene(study)
    )
    return [
        ("Purpose", f"Research on chest radiographs and readers' gaze. Classes: {', '.join(run.class_names)}."),
        ("Model", f"U-Net on {model.encoder}, heads: {heads}; input {run.recipe.input_size_px} px, grey, in [0, 1]."),
        ("Recipe", f"{run.recipe.name}: {run.recipe.description}.{control(run.recipe)}"),
        ("Encoder's initial weights", _initial_weights(run)),
        (
            "Data",
            f"{counts['cases']:,} radiographs of {counts['patients']:,} patients, {counts['with_label']:,} with a "
            f"label, {counts['with_gaze']:,} with gaze; sources: {sources}.",
        ),
        (
            "Radiographs",
            f"presentation {study.manifest['presentation']}, fit {study.manifest['fit']}, stored at "
            f"{study.manifest['image_size_px']} px.",
        ),
        ("Seed, precision", f"{facts['seed']}, {facts['precision']}."),
        ("Study digest", f"SHA-256 {facts['study_sha256']}"),
        ("Training split digest", f"SHA-256 {facts['training_split_sha256']}"),
        ("Versions", ", ".join(f"{name} {number}" for name, number in facts["versions"].items()) + "."),
    ]


def limits(study: Study) -> list[str]:
    """Return the limits of the results, one sentence or two each."""
    known = [_NOT_A_DEVICE, _OTHER_CONDITIONS[study.labels.kind], *_LIMITS]
    return [_SYNTHETIC, *known] if study.is_synthetic else known


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source of the study and its hygiene: `counts` are (reason, rows) for all counts above 0."""

    key: str
    layout: str
    synthetic: bool
    durations: str | None
    cases: int
    patients: int
    counts: list[tuple[str, int]]


def hygiene(study: Study) -> list[SourceRow]:
    """Return one row per source."""
    return [
        SourceRow(
            key=source["key"],
            layout=source["layout"],
            synthetic=source["synthetic"],
            durations=str(durations) if (durations := source["options"].get("durations")) else None,
            cases=source["cases"],
            patients=source["patients"],
            counts=[(reason.replace("_", " "), count) for reason, count in source["hygiene"].items() if count],
        )
        for source in study.manifest["sources"]
    ]


@dataclass(frozen=True, slots=True)
class SplitRow:
    """A split: its radiographs, its patients, its radiographs with gaze, and its radiographs of each class."""

    name: str
    radiographs: int
    patients: int
    with_gaze: int
    classes: list[int]


def split_rows(study: Study) -> list[SplitRow]:
    """Return one row per split."""
    return [
        split_row(study, np.flatnonzero(study.splits.split_index == number), split)
        for number, split in enumerate(SPLITS)
    ]


def split_row(study: Study, case_indices: NDArray[np.intp], name: str) -> SplitRow:
    """Count these cases of the study, under a name."""
    present = (study.labels.of(case_indices).answers == 1).sum(axis=0)
    return SplitRow(
        name=name,
        radiographs=len(case_indices),
        patients=len(np.unique(study.patients[case_indices])),
        with_gaze=int(study.has_gaze[case_indices].sum()),
        classes=present.tolist(),
    )


def _initial_weights(run: Run) -> str:
    """Return the weights' name and digest. Of a file only the name is given, because its folder is private."""
    name = run.recipe.model.weights.replace("\\", "/").rpartition("/")[2]
    return f"{name}; SHA-256 {run.facts.get('encoder_weights_sha256') or 'none recorded'}."
