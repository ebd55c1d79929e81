"""What the tests of training share: stopping a run early, and comparing runs."""

from dataclasses import replace

import numpy as np
import torch


class Stop(Exception):
    pass


def stop(line):
    raise Stop


def without_gaze(study, chosen):
    """The study as if nobody's gaze had been recorded on the chosen cases."""
    counts = np.diff(study.offsets)
    kept = np.repeat(~chosen, counts)
    columns = {name: getattr(study, name)[kept] for name in ("x_unit", "y_unit", "duration_s")}
    offsets = np.concatenate([[0], np.cumsum(np.where(chosen, 0, counts))])
    return replace(study, offsets=offsets, gaze=study.gaze.filter(kept), **columns)


def weights(run):
    return torch.load(run.path / "best.pt", weights_only=True)["model"]


def same(one, two):
    return all(torch.equal(one[key], two[key]) for key in one)
