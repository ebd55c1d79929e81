"""A run in MLflow: in the store of MLFLOW_TRACKING_URI or, without it, in mlflow.db beside the run's folder.

RUN/mlflow-run-id names the run there, so that a resumed run goes on in it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from egaze.atomic import write_text
from egaze.training.run import Run

if TYPE_CHECKING:
    from mlflow import MlflowClient

RUN_ID, DATABASE = "mlflow-run-id", "mlflow.db"
_STATES = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
_MOST_PARAMETERS = 100  # that MLflow takes at once
_LONGEST_VALUE = 500


class MlflowLogger:
    """Writes to MLflow by its own client; see `RunLogger`. The experiment is MLFLOW_EXPERIMENT_NAME, or "egaze"."""

    def __init__(self, run: Run, made_from: dict[str, str]) -> None:
        # MLflow reports its use to its makers unless it is told not to.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        # Making a database's tables is nothing that a user must know.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
        from mlflow import MlflowClient

        place = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{run.path.resolve().parent / DATABASE}"
        self._client = MlflowClient(tracking_uri=place)
        self._run_id = self._resumed(run) or self._started(run, made_from)
        history = self._client.get_metric_history(self._run_id, "train/loss")
        self._written = {metric.step for metric in history}

    def write(self, log: Sequence[dict[str, float]]) -> None:
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        for epoch, numbers in enumerate(log, start=1):
            if epoch not in self._written:
                metrics = [Metric(name, value, now_ms, epoch) for name, value in numbers.items()]
                self._client.log_batch(self._run_id, metrics=metrics)
                self._written.add(epoch)

    def close(self, how: str) -> None:
        self._client.set_terminated(self._run_id, _STATES[how])

    def _resumed(self, run: Run) -> str | None:
        """The run that was begun in this store."""
        from mlflow.exceptions import MlflowException

        try:
            run_id = (run.path / RUN_ID).read_text(encoding="utf-8").strip()
            self._client.update_run(run_id, status="RUNNING")
        except (FileNotFoundError, MlflowException):
            return None
        return run_id

    def _started(self, run: Run, made_from: dict[str, str]) -> str:
        from mlflow.entities import Param

        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "egaze"
        tags = {"egaze.run": run.digest}
        begun = self._client.create_run(_experiment(self._client, name), tags=tags, run_name=run.path.name)
        run_id: str = begun.info.run_id
        parameters: list[Any] = [Param(name, value[:_LONGEST_VALUE]) for name, value in made_from.items()]
        for first in range(0, len(parameters), _MOST_PARAMETERS):
            self._client.log_batch(run_id, params=parameters[first : first + _MOST_PARAMETERS])
        write_text(run.path / RUN_ID, run_id + "\n")
        return run_id


def _experiment(client: MlflowClient, name: str) -> str:
    """The id of the experiment of that name, which another training may be making at the same time."""
    from mlflow.exceptions import MlflowException

    if (found := client.get_experiment_by_name(name)) is not None:
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name))
    except MlflowException:
        if (found := client.get_experiment_by_name(name)) is None:
            raise
        return str(found.experiment_id)
