"""What loggers write to disk is the run's log, whatever interrupts the run."""

import logging

import pytest
from training.tiny_runs import Stop

from egaze.errors import EgazeError
from egaze.training import train
from egaze.training.epoch_log import EpochLog
from egaze.training.run_loggers import RunLoggers, numbers_of, open_loggers, require_loggers

HOW = {"seed": 1, "device": "cpu", "threads": 1}
# SQLAlchemy warns of how MLflow uses it.
quiet_mlflow = pytest.mark.filterwarnings("ignore:::sqlalchemy", "ignore:::mlflow", "ignore:The ``noload``")


def interrupted(study, recipe, out, monkeypatch, logger):
    """A run that is killed when an epoch is in last.pt and not yet in the logger, and then resumed."""
    write = RunLoggers.write

    def killed(self, log):
        if len(log) == 2:
            raise Stop
        write(self, log)

    monkeypatch.setattr(RunLoggers, "write", killed)
    with pytest.raises(Stop):
        train(study, recipe, out, **HOW, loggers=[logger])
    monkeypatch.setattr(RunLoggers, "write", write)
    return train(study, recipe, out, **HOW, loggers=[logger], resume=True)


def of_tensorboard(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    return {
        name: [(event.step, pytest.approx(event.value, rel=1e-6)) for event in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }, events


def of_mlflow(folder):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("egaze")
    (made,) = client.search_runs([experiment.experiment_id])
    history = {name: client.get_metric_history(made.info.run_id, name) for name in made.data.metrics}
    return {
        name: [(metric.step, pytest.approx(metric.value)) for metric in metrics] for name, metrics in history.items()
    }, made


def expected(run):
    found = {}
    for epoch, entry in enumerate(run.log(), start=1):
        for name, value in numbers_of(entry).items():
            found.setdefault(name, []).append((epoch, value))
    return found


def test_tensorboard_has_each_epoch_once(study, tiny_recipe, tmp_path, monkeypatch):
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    run = interrupted(study, tiny_recipe, tmp_path / "run", monkeypatch, "tensorboard")
    found, events = of_tensorboard(run.path / "tensorboard")
    assert found == expected(run) and len(found["train/loss"]) == 2
    assert {"train/heatmap", "validation/macro_auc", "learning_rate", "cost/radiographs_per_s"} <= set(found)
    text = events.Tensors("recipe/text_summary")[-1]
    assert b"| stages.0.learning_rate | 0.001 |" in text.tensor_proto.string_val[0]


@quiet_mlflow
def test_mlflow_has_each_epoch_once(study, tiny_recipe, tmp_path, monkeypatch):
    for package in ("mlflow", "sqlalchemy", "alembic"):
        pytest.importorskip(package, reason="needs the extra mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    monkeypatch.setattr("egaze.training.mlflow_logger._MOST_PARAMETERS", 10)
    run = interrupted(study, tiny_recipe, tmp_path / "run", monkeypatch, "mlflow")
    found, made = of_mlflow(tmp_path)
    assert found == expected(run) and len(found["train/loss"]) == 2
    assert made.info.status == "FINISHED" and made.info.run_name == "run"
    assert made.data.params["stages.0.learning_rate"] == "0.001" and made.data.params["seed"] == "1"
    assert (run.path / "mlflow-run-id").read_text().strip() == made.info.run_id


ENTRY = EpochLog("all", 1, 0.001, {"loss": 1.5}, "validation", {"loss": float("inf")}, None, best=True, seconds=2.0)


def test_undefined_numbers_are_left_out():
    numbers = {"train/loss": 1.5, "learning_rate": 0.001, "best": 1.0, "cost/seconds": 2.0}
    assert numbers_of(ENTRY) == numbers


def test_a_logger_that_fails_does_not_stop_training(caplog):
    written, ended = [], []

    class Full:
        def write(self, log):
            if len(log) == 1:
                raise OSError(28, "No space left on device")
            written.append(log)

        def close(self, how):
            ended.append(how)

    loggers = RunLoggers({"full": Full()})
    with caplog.at_level(logging.WARNING):
        loggers.write([ENTRY])
    (record,) = caplog.records
    assert record.getMessage().startswith("logger full: [Errno 28] No space left on device; training goes on")
    loggers.write([ENTRY, ENTRY])
    assert written == [[numbers_of(ENTRY)] * 2]


@pytest.mark.parametrize(("error", "how"), [(None, "finished"), (OSError, "failed"), (KeyboardInterrupt, "killed")])
def test_a_run_s_end_is_told(error, how, run, monkeypatch):
    ended = []

    class Ends:
        def __init__(self, run, made_from):
            assert made_from["stages.0.epochs"] == "2" and made_from["seed"] == "1"

        def close(self, how):
            ended.append(how)

    monkeypatch.setattr("egaze.training.run_loggers.LOGGERS", {"ends": Ends})
    try:
        with open_loggers(["ends", "ends"], run):
            if error:
                raise error
    except BaseException as raised:
        assert type(raised) is error
    assert ended == [how]


def test_loggers_that_cannot_be(run, study, tiny_recipe, tmp_path, monkeypatch):
    with pytest.raises(EgazeError, match="logger must be one of tensorboard, mlflow, got 'wandb'"):
        require_loggers(["wandb"])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EgazeError, match=r"logger mlflow: .* mlflow is not installed: pip install 'egaze\[mlflow\]'"):
        train(study, tiny_recipe, tmp_path / "run", **HOW, loggers=["mlflow"])
    assert not (tmp_path / "run").exists()

    def refused(run, made_from):
        raise RuntimeError("no store\nand more")

    monkeypatch.setattr("egaze.training.run_loggers.LOGGERS", {"mlflow": refused})
    with pytest.raises(EgazeError, match="^logger mlflow: no store$"), open_loggers(["mlflow"], run):
        pass
