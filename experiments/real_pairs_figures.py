"""The figures of the experiment on real pairs, with intervals over seeds and radiographs."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from real_pairs_plans import CONTROL, Plan, Trial, Way
from real_pairs_trials import MEASURES, Outcome
from record import rounded

from egaze.evaluation.agreement import CENTRE, agreement_table
from egaze.metrics import StatisticsWarning
from egaze.metrics.over_seeds import aucs_over_seeds, mean_over_seeds
from egaze.metrics.paired import paired_aucs, paired_mean
from egaze.study import Splits, Study
from egaze.training import load_recipe
from egaze.training.engine import Predictions

#: Mean maps of all other radiographs are made up to this many; they take the square of it.
MOST_LEFT_OUT = 200
Array = NDArray[np.float64]


def chosen_way(plan: Plan, found: dict[Trial, Outcome]) -> str:
    """The candidate that is best on the validation radiographs, mean over folds and seeds, by what the plan says."""
    if plan.choose_by == "auc":
        return max(plan.candidates, key=lambda name: _validation_auc(found, name))
    return max(plan.candidates, key=lambda name: _validation(found, name)["cc"]["value"])


def figures(
    study: Study, plan: Plan, found: dict[Trial, Outcome], chosen: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the headline and the details."""
    with warnings.catch_warnings():
        # A class of nine radiographs, and the information gain of the mean map over itself.
        warnings.simplefilter("ignore", StatisticsWarning)
        return _figures(_Results(study, plan, found), chosen)


def _figures(results: _Results, chosen: str) -> tuple[dict[str, Any], dict[str, Any]]:
    study, plan = results.study, results.plan
    ways = {way.name: results.of_way(way) for way in plan.ways}
    details = {
        "synthetic": study.is_synthetic,
        "radiographs": dict(study.manifest["counts"]["classes"]),
        "sources": [source["key"] for source in study.manifest["sources"]],
        "settings": {**asdict(plan), "ways": {way.name: asdict(way) for way in plan.ways}},
        "intervals": f"95 %, over seeds and patients as the study knows them, {plan.resamples} resamples",
        "chosen_on_validation": chosen,
        "ways": ways,
        "mean_map": results.mean_map(),
        "learning_curve": results.curve(chosen),
    }
    best = ways[chosen]
    over = best["over_mean_map"]
    auc = best["auc"]
    headline = {
        "candidate": chosen,
        "cc_gain": over["cc"]["difference"],
        "cc_gain_low": over["cc"]["low"],
        "nss_gain": over["nss"]["difference"],
        "nss_gain_low": over["nss"]["low"],
        "kld_gain": over["kld"]["difference"],
        "kld_gain_high": over["kld"]["high"],
        "auc": auc["value"],
        "auc_low": auc["low"],
        "auc_high": auc["high"],
    }
    if "auc_gain" in best:
        gain = best["auc_gain"]
        headline |= {"auc_gain": gain["difference"], "auc_gain_low": gain["low"], "auc_gain_high": gain["high"]}
    return {name: value if isinstance(value, str) else rounded(value) for name, value in headline.items()}, details


class _Results:
    """Outcomes of all folds together, so that every radiograph is predicted by a model that did not see it."""

    def __init__(self, study: Study, plan: Plan, found: dict[Trial, Outcome]) -> None:
        self.study, self.plan, self.found = study, plan, found
        self._labelled = study.labels.known

    def of_way(self, way: Way, radiographs: int | None = None) -> dict[str, Any]:
        probs = self._stacked(way, "class_probs", radiographs)[:, self._labelled]
        labels, patients = self.study.labels.values[self._labelled], self.study.patients[self._labelled]
        options = {"resamples": self.plan.resamples}
        outcomes = [self.found[trial] for trial in self._trials(way, radiographs)]
        content: dict[str, Any] = {
            "seeds": way.seeds,
            "auc": asdict(aucs_over_seeds(labels, probs, patients, **options).macro),
            "training_s": float(np.median([outcome.seconds for outcome in outcomes])),
            "epochs": np.median([outcome.epochs for outcome in outcomes], axis=0).tolist(),
        }
        control = next((other for other in self.plan.ways if other.name == CONTROL), None)
        if control and way != control:
            both = min(way.seeds, control.seeds)
            others = self._stacked(control, "class_probs", radiographs)[:both, self._labelled]
            content["auc_gain"] = asdict(paired_aucs(labels, probs[:both], others, patients, **options).macro)
        if np.isfinite(self._stacked(way, "maps", radiographs)).any():
            content |= self._maps(way, radiographs)
            content["validation"] = _validation(self.found, way.name, radiographs)
            strengths = [outcome.strength for outcome in outcomes if len(outcome.strength)]
            content["strength"] = float(np.mean(strengths)) if strengths else None
        return content

    def _maps(self, way: Way, radiographs: int | None) -> dict[str, Any]:
        maps, centre = (self._stacked(way, name, radiographs) for name in ("maps", "centre"))
        content: dict[str, Any] = {"map": {}, "over_mean_map": {}}
        for number, measure in enumerate(MEASURES):
            known = np.isfinite(maps[..., number]).all(axis=0) & np.isfinite(centre[..., number]).all(axis=0)
            ours, theirs = maps[:, known, number], centre[:, known, number]
            patients, options = self.study.patients[known], {"resamples": self.plan.resamples}
            content["map"][measure] = asdict(mean_over_seeds(ours, patients, **options))
            content["over_mean_map"][measure] = asdict(paired_mean(ours, theirs, patients, **options))
            content["over_mean_map"][measure]["better_on"] = self._better_on(measure, ours - theirs)
        if len(self.study) <= MOST_LEFT_OUT:
            left_out = self._left_out()
            content["over_left_out_mean_map"] = {
                measure: asdict(
                    paired_mean(
                        maps[..., number],
                        np.broadcast_to(left_out[:, number], maps.shape[:2]),
                        self.study.patients,
                        resamples=self.plan.resamples,
                    )
                )
                for number, measure in enumerate(MEASURES[:3])
            }
        return content

    @staticmethod
    def _better_on(measure: str, differences: Array) -> float:
        """The share of radiographs on which the map is better, by the mean over seeds."""
        mean = differences.mean(axis=0)
        return float((mean < 0).mean() if measure == "kld" else (mean > 0).mean())

    def mean_map(self) -> dict[str, Any]:
        """The training radiographs' mean map, and that of all other radiographs, as predictions."""
        way = next(way for way in self.plan.ways if way.recipe != CONTROL)
        centre = self._stacked(way, "centre", None)[:1]
        options = {"resamples": self.plan.resamples}
        content = {
            "training": {
                measure: asdict(mean_over_seeds(values[:, np.isfinite(values[0])], **options))
                for measure, values in zip(MEASURES, np.moveaxis(centre, -1, 0), strict=True)
            }
        }
        if len(self.study) <= MOST_LEFT_OUT:
            left_out = self._left_out()
            content["all_others"] = {
                measure: asdict(mean_over_seeds(left_out[None, :, number], **options))
                for number, measure in enumerate(MEASURES[:3])
            }
        return content

    def curve(self, chosen: str) -> dict[str, Any]:
        ways = [way for way in self.plan.ways if way.name in (CONTROL, chosen)]
        counts = [*self.plan.curve, None] if self.plan.curve else []
        return {str(count or "all"): {way.name: self.of_way(way, count) for way in ways} for count in counts}

    def _trials(self, way: Way, radiographs: int | None) -> list[Trial]:
        return [Trial(way, fold, seed, radiographs) for seed in range(way.seeds) for fold in range(self.plan.folds)]

    def _stacked(self, way: Way, name: str, radiographs: int | None) -> Array:
        """(S, N, ...) one field of the outcomes, over seeds and all radiographs of the study."""
        by_seed = []
        for seed in range(way.seeds):
            of_folds = [self.found[Trial(way, fold, seed, radiographs)] for fold in range(self.plan.folds)]
            order = np.argsort(np.concatenate([outcome.case_index for outcome in of_folds]))
            by_seed.append(np.concatenate([getattr(outcome, name) for outcome in of_folds])[order])
        return np.stack(by_seed).astype(np.float64)

    def _left_out(self) -> Array:
        """(N, 3) CC, NSS and KL of the mean map of all other radiographs."""
        rows = []
        for case_index in range(len(self.study)):
            split_index = np.zeros(len(self.study), dtype=np.int64)
            split_index[case_index] = 2
            others = self.study.with_splits(Splits(0, (1, 0, 1), split_index))
            size_px = self.plan.size_px
            blank = np.zeros((1, size_px, size_px), dtype=np.float32)
            predicted = Predictions(np.array([case_index]), np.zeros((1, 1), np.float32), blank, {})
            row = agreement_table(others, load_recipe("joint"), predicted, size_px)
            rows.append([row[CENTRE + measure][0] for measure in MEASURES[:3]])
        return np.array(rows, dtype=np.float64)


def _validation(found: dict[Trial, Outcome], name: str, radiographs: int | None = None) -> dict[str, Any]:
    """Means over folds and seeds of agreement on validation radiographs, and of the mean map there."""
    outcomes = _of_way(found, name, radiographs)
    ours = np.mean([outcome.validation for outcome in outcomes], axis=0)
    centre = np.mean([outcome.validation_centre for outcome in outcomes], axis=0)
    return {
        measure: {"value": float(value), "mean_map": float(other)}
        for measure, value, other in zip(MEASURES, ours, centre, strict=True)
    }


def _validation_auc(found: dict[Trial, Outcome], name: str) -> float:
    """Mean over the folds and seeds whose validation radiographs have both classes; 0 if there is none."""
    aucs = [float(outcome.validation_auc) for outcome in _of_way(found, name, None)]
    return float(np.nanmean(aucs)) if np.isfinite(aucs).any() else 0.0


def _of_way(found: dict[Trial, Outcome], name: str, radiographs: int | None) -> list[Outcome]:
    return [outcome for trial, outcome in found.items() if (trial.way.name, trial.radiographs) == (name, radiographs)]
