"""Comparing splits of EGD-CXR with the published ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from egaze.sources.egd_cxr import PUBLISHED_SPLITS, EgdCxr, is_published_sheet
from egaze.study.splits import SPLITS, split_patients
from egaze.study.study import Study


def split_counts(
    patient_order: Sequence[str], patients: Sequence[str], labels: Sequence[str], seed: int
) -> dict[str, dict[str, int]]:
    """The number of images by split and class when patients are split 8:1:1.

    Args:
        patient_order: the distinct patients in the order of the source's files.
        patients: (N,) the patient of each image.
        labels: (N,) the class of each image.
        seed: of the shuffle; see `split_patients`.
    """
    split_of = dict(zip(patient_order, split_patients(len(patient_order), seed, (8, 1, 1)), strict=True))
    counts = {split: dict.fromkeys(dict.fromkeys(labels), 0) for split in SPLITS}
    for patient, label in zip(patients, labels, strict=True):
        counts[SPLITS[split_of[patient]]][label] += 1
    return counts


def published_split_seed(study: Study) -> int | None:
    """The seed of the published splits of EGD-CXR that a study has, or None for any other study or splits.

    It is not None only if the study consists of the real and complete EGD-CXR, and every case is in the split that the
    seed assigns to its patient.
    """
    if len(study.manifest["sources"]) != 1 or study.is_synthetic:
        return None
    source, places = study.manifest["sources"][0], study.cases["patient_place"].to_numpy()
    if source["layout"] != EgdCxr.name or not is_published_sheet(len(study), source["patients"]):
        return None
    for seed in PUBLISHED_SPLITS:
        if np.array_equal(study.splits.split_index, split_patients(source["patients"], seed, (8, 1, 1))[places]):
            return seed
    return None


def published_split_report(source: EgdCxr) -> list[str]:
    """One line per published split on whether its counts agree; empty unless the sheet has the published size."""
    cases = source.cases()
    if not is_published_sheet(len(cases), len(source.patient_order)):
        return []
    patients, labels = [case.patient_id for case in cases], [str(case.label) for case in cases]
    lines = []
    for seed, expected in PUBLISHED_SPLITS.items():
        found = split_counts(source.patient_order, patients, labels, seed)
        wrong = [
            f"{split} {'/'.join(str(found[split].get(name, 0)) for name in classes)} "
            f"instead of {'/'.join(map(str, classes.values()))}"
            for split, classes in expected.items()
            if any(found[split].get(name, 0) != count for name, count in classes.items())
        ]
        verdict = f"differ: {', '.join(wrong)} ({'/'.join(source.class_names)})" if wrong else "counts agree"
        lines.append(f"published split, seed {seed}: {verdict}")
    return lines
