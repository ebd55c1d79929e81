"""A run in TensorBoard: event files in the run's folder, written by Lightning Fabric's logger."""

from __future__ import annotations

from collections.abc import Sequence

from lightning_fabric.loggers.tensorboard import TensorBoardLogger

from egaze.training.run import Run

FOLDER = "tensorboard"


class TensorboardLogger:
    """Writes RUN/tensorboard; see `RunLogger`.

    A resumed run writes all of its epochs anew, and lets TensorBoard forget the earlier ones: a kill may have fallen
    between an epoch and its logging.
    """

    def __init__(self, run: Run, made_from: dict[str, str]) -> None:
        self._logger = TensorBoardLogger(run.path, name=FOLDER, version="", default_hp_metric=False, purge_step=1)
        rows = "".join(f"| {name} | {value.replace('|', ' ')} |\n" for name, value in made_from.items())
        self._logger.experiment.add_text("recipe", f"| key | value |\n|---|---|\n{rows}", global_step=1)
        self._written = 0

    def write(self, log: Sequence[dict[str, float]]) -> None:
        for numbers in log[self._written :]:
            self._logger.log_metrics(numbers, self._written + 1)
            self._written += 1
        self._logger.save()

    def close(self, how: str) -> None:
        self._logger.finalize(how)
