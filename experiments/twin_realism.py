"""How much the synthetic reader's gaze is like radiologists', measure by measure.

Real: the gaze of readers who sought a pneumothorax (see gaze_facts.py), in the folder that EGAZE_REAL_DATA names.
Synthetic: the readers of a twin at several qualities of gaze, on the same phantoms. Measures of findings compare a
pneumothorax with the twin's one focal finding, the opacity of a pneumonia; measures of readings are over all of them.

readings, twin_readings  how many
within_quartiles         measures of a reading of which the twin's median lies within the real quartiles, of all
own_over_mirrored        dwell in the finding over dwell in its place on the other side, real
twin_own_over_mirrored   the same of the twin with gaze of quality 1
twin_loose, twin_tell_all  the same with gaze of quality 0.5 and 4

    python experiments/twin_realism.py
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gaze_facts
import numpy as np
from gaze_facts import Array, asymmetry, centre_bias, coverage, halves, maps_of, mean_of, stated
from numpy.typing import NDArray
from record import arguments, finish, rounded

from egaze.imaging.fit import px_to_unit
from egaze.metrics import cc, roc_auc_ci
from egaze.sources.siim_gaze.axes import dwell_frac
from egaze.sources.siim_gaze.gaze import GazeRecord
from egaze.sources.synthetic.disease import CHF
from egaze.sources.synthetic.plan import CasePlan, plan_cases
from egaze.sources.synthetic.reader import READER_VERSION
from egaze.sources.synthetic.scanpath import Scanpath
from egaze.sources.synthetic.screen_fit import HEIGHT_PX, WIDTH_PX, ScreenFit
from egaze.sources.synthetic.twin import draw_radiograph, draw_reading

CASES, SEED, DIFFICULTY, LONG_SIDE_PX = 450, 2207, 0.5, 192
CALIBRATED = "1"
QUALITIES = {"0": 0.0, "0.5": 0.5, CALIBRATED: 1.0, "2": 2.0, "4": 4.0}
LONG_STEP_FRAC = 0.3
#: Places are told apart on a grid of so many cells a side.
CELLS = 8
THIRDS = ("upper", "middle", "lower")
#: Findings of at least this share of the radiograph are compared too: pneumothoraces are smaller than opacities.
LARGE_FRAC = 0.02
RESAMPLES = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """R readings; `findings` has each one's mask, None without a finding, and `focal` those of which measures of
    findings are taken."""

    records: Sequence[GazeRecord]
    findings: Sequence[NDArray[np.bool_] | None]
    focal: NDArray[np.bool_]


def real(first: int | None) -> tuple[Readings, str]:
    records, masks, axes = gaze_facts.read(gaze_facts.DATA, first=first)
    outlined = [masks[record.image_id] for record in records]
    findings = [np.logical_or.reduce([mask.pixels() for mask in own]) if own else None for own in outlined]
    return Readings(records, findings, np.ones(len(records), dtype=bool)), axes


def synthetic(cases: int) -> dict[str, Readings]:
    """The readings of every quality, on the same radiographs."""
    plans = plan_cases(cases, SEED, LONG_SIDE_PX)
    records: dict[str, list[GazeRecord]] = {name: [] for name in QUALITIES}
    findings: list[NDArray[np.bool_] | None] = []
    for plan in plans:
        radiograph = draw_radiograph(plan, SEED, DIFFICULTY)
        findings.append(radiograph.finding if radiograph.finding.any() else None)
        for name, quality in QUALITIES.items():
            records[name].append(record(plan, draw_reading(plan, radiograph, SEED, quality)[0]))
        if len(findings) % 50 == 0:
            print(f"{len(findings)}/{cases} radiographs", file=sys.stderr, flush=True)
    focal = np.array([plan.label != CHF for plan in plans])
    return {name: Readings(own, findings, focal) for name, own in records.items()}


def record(plan: CasePlan, scanpath: Scanpath) -> GazeRecord:
    """A synthetic reading as a record, without the fixations that the tracker marked invalid."""
    fit = ScreenFit.of(plan.rows_px, plan.columns_px)
    x_px, y_px = fit.to_radiograph(scanpath.screen_x * WIDTH_PX, scanpath.screen_y * HEIGHT_PX)
    x_frac, y_frac = px_to_unit(x_px, plan.columns_px), px_to_unit(y_px, plan.rows_px)
    kept = scanpath.valid
    return GazeRecord(plan.index + 1, plan.dicom_id, x_frac[kept], y_frac[kept], scanpath.duration_s[kept])


def measures(readings: Readings, resamples: int) -> dict[str, Any]:
    """Quartiles over readings, values with intervals over readings, and the mean map."""
    records = readings.records
    maps = maps_of(records, [np.ones(len(record), dtype=bool) for record in records])
    density = maps / maps.sum(axis=(1, 2), keepdims=True)
    points = np.array([float(len(record)) for record in records])
    dwell = np.array([record.weight.sum() for record in records])
    uneven = np.array([asymmetry(record) for record in records])
    has_finding = np.array([finding is not None for finding in readings.findings])
    centre, half = centre_bias(records, maps, has_finding), halves(records)
    focal = readings.focal
    return {
        "readings": len(records),
        "quartiles": of_readings(records),
        "values": {
            "points_cv": resampled(points, variation, resamples),
            "dwell_cv": resampled(dwell, variation, resamples),
            "centre_nss": centre["nss"],
            "centre_cc": centre["cc"],
            "halves_nss": half["nss"],
            "auc_points": stated(roc_auc_ci(has_finding[focal], points[focal])),
            "auc_dwell": stated(roc_auc_ci(has_finding[focal], dwell[focal])),
            "auc_asymmetry": stated(roc_auc_ci(has_finding[focal], uneven[focal])),
        },
        "findings": {
            "all": of_findings(readings, 0.0, resamples),
            "large": of_findings(readings, LARGE_FRAC, resamples),
        },
        "mean_map": gaze_facts.drawn(density),
        "density": density.mean(axis=0),
    }


def of_readings(records: Sequence[GazeRecord]) -> dict[str, dict[str, float]]:
    """Quartiles over readings of what is measured of each one."""
    each = {
        "points": [len(record) for record in records],
        **steps(records),
        "revisits_frac": [revisits(record) for record in records],
        "coverage_frac": [coverage(record) for record in records],
        "asymmetry": [asymmetry(record) for record in records],
        **{f"dwell_{name}": share for name, share in zip(THIRDS, thirds(records).T, strict=True)},
    }
    return {name: quartiles(values) for name, values in each.items()}


def steps(records: Sequence[GazeRecord]) -> dict[str, Array]:
    """Of the steps of each reading: the median length, how many are long, and how many cross the midline."""
    long = [record for record in records if len(record) >= 2]
    lengths = [np.hypot(np.diff(record.x_frac), np.diff(record.y_frac)) for record in long]
    return {
        "step_frac": np.array([np.median(length) for length in lengths]),
        "long_steps_frac": np.array([(length > LONG_STEP_FRAC).mean() for length in lengths]),
        "crossings_frac": np.array([np.mean(np.diff(record.x_frac < 0.5)) for record in long]),
    }


def revisits(record: GazeRecord) -> float:
    """The share of points in a cell that gaze has been in before and has left since."""
    column, row = (
        np.clip(np.floor(values * CELLS), 0, CELLS - 1).astype(int) for values in (record.x_frac, record.y_frac)
    )
    seen: set[int] = set()
    before, again = -1, 0
    for cell in (row * CELLS + column).tolist():
        again += cell in seen and cell != before
        seen.add(cell)
        before = cell
    return again / len(record)


def thirds(records: Sequence[GazeRecord]) -> Array:
    """(R, 3) the share of dwell in the upper, middle and lower third."""
    shares = [
        np.bincount(np.clip(np.floor(record.y_frac * 3), 0, 2).astype(int), record.weight, minlength=3)
        / record.weight.sum()
        for record in records
    ]
    return np.array(shares)


def of_findings(readings: Readings, at_least_frac: float, resamples: int) -> dict[str, Any]:
    """Dwell in findings against chance and against their places on the other side, and findings never looked at."""
    rows = []
    for one, finding, focal in zip(readings.records, readings.findings, readings.focal, strict=True):
        if finding is None or not focal or finding.mean() < at_least_frac:
            continue
        own, mirrored = (
            dwell_frac(inside, one.x_frac, one.y_frac, one.weight) for inside in (finding, finding[:, ::-1])
        )
        rows.append((own, mirrored, finding.mean()))
    own, mirrored, area = np.array(rows).T
    both = np.stack([own, mirrored, area], axis=1)
    return {
        "findings": len(rows),
        "area_frac": float(area.mean()),
        "dwell_in_own": mean_of(own) | {"quartiles": quartiles(own)},
        "dwell_in_mirrored": mean_of(mirrored),
        "own_over_mirrored": resampled(both, lambda drawn: ratio(drawn, 0, 1), resamples),
        "own_over_chance": resampled(both, lambda drawn: ratio(drawn, 0, 2), resamples),
        "missed_frac": mean_of((own == 0).astype(float)),
        "mirrored_missed_frac": mean_of((mirrored == 0).astype(float)),
    }


def variation(drawn: Array) -> Array:
    """(S,) the coefficient of variation of (S, R) resamples."""
    return drawn.std(axis=1) / drawn.mean(axis=1)


def ratio(drawn: Array, one: int, other: int) -> Array:
    """(S,) the ratio of two columns' means of (S, R, K) resamples."""
    return drawn[..., one].mean(axis=1) / drawn[..., other].mean(axis=1)


def quartiles(values: Sequence[float] | Array) -> dict[str, float]:
    low, median, high = np.quantile(np.asarray(values, dtype=np.float64), [0.25, 0.5, 0.75])
    return {"q25": float(low), "median": float(median), "q75": float(high)}


def resampled(values: Array, statistic: Any, resamples: int) -> dict[str, float]:
    """A statistic of (S, R, ...) resamples, with a percentile bootstrap's 95 % interval over readings."""
    rng = np.random.default_rng(gaze_facts.SEED)
    drawn = statistic(values[rng.integers(len(values), size=(resamples, len(values)))])
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": float(statistic(values[None])[0]), "low": float(low), "high": float(high)}


def compared(real: Mapping[str, Any], twin: Mapping[str, Any]) -> dict[str, Any]:
    """Where the twin's medians lie to the real quartiles, and how alike the two mean maps are."""
    return {
        "within_quartiles": within(real["quartiles"], twin["quartiles"]),
        "cc_of_mean_maps": float(cc(twin["density"], real["density"])),
    }


def within(real: Mapping[str, Mapping[str, float]], twin: Mapping[str, Mapping[str, float]]) -> dict[str, bool]:
    return {name: of["q25"] <= twin[name]["median"] <= of["q75"] for name, of in real.items()}


def main() -> None:
    options = arguments(__doc__)
    if not gaze_facts.DATA.is_dir():
        raise SystemExit(f"no such folder: {gaze_facts.DATA}; EGAZE_REAL_DATA names another")
    resamples = 200 if options.quick else RESAMPLES
    readings, axes = real(250 if options.quick else None)
    print(axes, file=sys.stderr)
    of_real = measures(readings, resamples)
    of_twin = {name: measures(own, resamples) for name, own in synthetic(60 if options.quick else CASES).items()}
    comparison = {name: compared(of_real, own) for name, own in of_twin.items()}
    inside = comparison[CALIBRATED]["within_quartiles"]
    ratios = {name: rounded(own["findings"]["all"]["own_over_mirrored"]["value"]) for name, own in of_twin.items()}
    headline = {
        "readings": of_real["readings"],
        "twin_readings": of_twin[CALIBRATED]["readings"],
        "within_quartiles": f"{sum(inside.values())} of {len(inside)}",
        "own_over_mirrored": rounded(of_real["findings"]["all"]["own_over_mirrored"]["value"]),
        "twin_own_over_mirrored": ratios[CALIBRATED],
        "twin_loose": ratios["0.5"],
        "twin_tell_all": ratios["4"],
    }
    for own in (of_real, *of_twin.values()):
        del own["density"]
    details = {
        "axes": axes,
        "reader_version": READER_VERSION,
        "twin": {"seed": SEED, "difficulty": DIFFICULTY},
        "real": of_real,
        "gaze_qualities": of_twin,
        "compared": comparison,
    }
    finish("twin_realism", headline, details, [], quick=options.quick)


if __name__ == "__main__":
    main()
