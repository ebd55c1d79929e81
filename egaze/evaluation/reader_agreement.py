"""Agreement between several readers who labelled the same radiographs, and of the model with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egaze.evaluation.means import RESAMPLES
from egaze.evaluation.results import ClassResult, ReaderAgreement, ReaderKappa
from egaze.metrics import Estimate, model_kappa_ci, readers_kappa_ci
from egaze.metrics.estimate import noting
from egaze.sources.label_table import Reading, read_readings
from egaze.study import Study


def reader_agreement(
    study: Study,
    cases: NDArray[np.int64],
    class_probs: NDArray[np.float32],
    classes: dict[str, ClassResult],
    path: Path,
    notes: list[str],
) -> ReaderAgreement:
    """Compare the readings in a table with each other, and the model's calls with them.

    A model calls a class present where its probability is at least the first of the class's operating points, which was
    chosen on validation.

    Args:
        study: the study.
        cases: (N,) indices of the predicted cases.
        class_probs: (N, C) predicted probabilities.
        classes: the results of each class, for its threshold.
        path: the table of readings; see `egaze.sources.label_table.read_readings`.
        notes: receives remarks on the results.

    Raises:
        TableError: as `read_readings`.
    """
    ids = study.case_ids
    left_out = [item["case_id"] for item in study.manifest["left_out"]]
    readings = read_readings(path, [*ids, *left_out], study.class_names)
    place = {ids[case]: row for row, case in enumerate(cases.tolist())}
    here = [reading for reading in readings if reading.case_id in place]
    column = {reader: number for number, reader in enumerate(sorted({reading.reader_id for reading in here}))}
    found: dict[str, ReaderKappa] = {}
    for number, name in enumerate(study.class_names):
        table = _table(here, name, place, column)
        both = (~np.isnan(table)).sum(axis=1) >= 2
        points = classes[name].operating_points if name in classes else None
        with noting(notes, f"{name}, readers"):
            between = readers_kappa_ci(table, study.patients[cases], resamples=RESAMPLES)
            model = None
            if points and both.any():
                called = class_probs[:, number] >= points[0].thresholds[0]
                model = _defined(model_kappa_ci(called, table, study.patients[cases], resamples=RESAMPLES))
        found[name] = ReaderKappa(
            cases=int(both.sum()),
            readings=int((~np.isnan(table[both])).sum()),
            readers=_defined(between),
            model=model,
            model_calls=f"{points[0].name}, chosen on {points[0].chosen_on}" if points else None,
        )
    return ReaderAgreement(readers=len(column), classes=found)


def _table(readings: list[Reading], name: str, place: dict[str, int], column: dict[str, int]) -> NDArray[np.float64]:
    """(N, R) certain labels of one class, NaN without one."""
    table = np.full((len(place), max(len(column), 1)), np.nan)
    for reading in readings:
        value = reading.certainties.get(name)
        if value in (0.0, 1.0):
            table[place[reading.case_id], column[reading.reader_id]] = value
    return table


def _defined(estimate: Estimate) -> Estimate | None:
    return estimate if estimate.is_defined else None
