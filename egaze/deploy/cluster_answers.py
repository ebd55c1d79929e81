"""What a model says of radiograph files, computed by the processes of a cluster."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from functools import lru_cache, partial
from pathlib import Path

from egaze.cluster import Cluster, in_batches, require_alike, unseen
from egaze.deploy.answers import Answer, answers
from egaze.deploy.predictor import ModelLoading, Predictor

# So many radiographs go to a process together, which reads two ahead.
_BATCH, _READERS = 16, 2
# What decides the numbers, besides what `Cluster.map` compares.
_ALIKE = ("torch", "pillow", "pydicom", "pylibjpeg", "pylibjpeg-openjpeg", "python-gdcm")


def answers_on_cluster(
    predictor: Predictor, radiographs: Sequence[str], heatmaps: Sequence[Path] | None, cluster: Cluster
) -> Generator[Answer, None, None]:
    """Predict radiograph files in their order, as `answers` does. Each process has the model.

    Raises:
        ModelFileError: the model fails.
        EgazeError: as `Cluster.map`; or a machine does not see a file that this one sees, or sees another model.
    """
    stems: Iterable[Path | None] = [None] * len(radiographs) if heatmaps is None else heatmaps
    model = predictor.loading
    predicted = cluster.map(
        partial(_answers_there, model),
        in_batches(zip(radiographs, stems, strict=True), _BATCH),
        processors=model.threads,
        gpus=int(model.device == "cuda"),
        alike=_ALIKE,
    )
    with closing(predicted):
        for of_batch, unseen_there in predicted:
            require_alike(unseen_there)
            yield from of_batch


def _answers_there(model: ModelLoading, batch: Sequence[tuple[str, Path | None]]) -> tuple[list[Answer], list[str]]:
    """Run in a process of a cluster: predict a batch; also returns the files that this machine does not see."""
    radiographs = [radiograph for radiograph, _ in batch]
    stems = [stem for _, stem in batch if stem is not None]
    made = list(answers(_kept_predictor(model), radiographs, stems or None, workers=_READERS))
    return made, unseen(radiographs)


@lru_cache(maxsize=1)
def _kept_predictor(model: ModelLoading) -> Predictor:
    """The model of a process of a cluster, from one batch to the next."""
    return model.load()
