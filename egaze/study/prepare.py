"""Sources to a study: radiographs read, presented, placed on the canvas and stored, gaze carried along."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from egaze import _core
from egaze.atomic import require_free
from egaze.errors import EgazeError, StudyError
from egaze.imaging import Canvas
from egaze.progress import Progress
from egaze.sources import Source
from egaze.study import layout
from egaze.study.decoding import read_radiographs
from egaze.study.gather import Entry, Gathered, gather
from egaze.study.image_store import ImageStore
from egaze.study.placing import Failed, RadiographFacts, reason_without_identity
from egaze.study.plausible import off_radiograph, require_plausible, strange_units
from egaze.study.resized import UNSCALED, Scale, to_radiograph_pixels
from egaze.study.splits import make_splits, require_seed, save_splits
from egaze.study.study import Study, open_study
from egaze.study.tables import case_table, fixation_table, phrase_table, region_table
from egaze.study.unfinished import discard, new_study_folder, publish, unfinished

_DECODERS = ("numpy", "pillow", "pydicom", "pylibjpeg", "pylibjpeg-openjpeg", "python-gdcm")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A case whose radiograph cannot be read.

    Attributes:
        case_id: the case.
        message: the radiograph's path and what is wrong with it, for the user's own eyes: a path may name a patient.
        reason: what is wrong with it, as in study.json, without a word of the path or the patient.
    """

    case_id: str
    message: str
    reason: str


def prepare_study(
    sources: Sequence[Source],
    out: str | Path,
    *,
    size_px: int = 224,
    fit: str = "stretch",
    presentation: str = "voi",
    workers: int = 1,
    strict: bool = False,
    seed: int = 42,
    trust_gaze: bool = False,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
    on_left_out: Callable[[Sequence[LeftOut]], None] | None = None,
) -> Study:
    """Write a study: the folder exists whole or not at all.

    Radiographs are stored in the hidden folder `.NAME.partial` beside `out` until all are there. A run that was
    interrupted or killed leaves it, and the same call goes on from there: the study is byte for byte the one of a
    run in one go. Radiographs whose files have changed since, and those that could not be read, are read again.

    A radiograph that cannot be read stops nothing: its cases are left out and listed in study.json. The split by
    patient does not depend on that. The images are then copied once more without their rows, which takes that much
    disk.

    Args:
        sources: where the cases come from; their classes are joined in order.
        out: the study's folder, which must not exist yet.
        size_px: the square canvas's side, 16 to 4096.
        fit: "stretch" or "letterbox".
        presentation: how stored values become [0, 1]; see `read_radiograph`.
        workers: processes that read radiographs, each holding one; 1 reads in this process. The result does not depend
            on it.
        strict: whether a radiograph that cannot be read is an error, raised when all have been tried.
        seed: of the split by patient, 8:1:1, 0 or more; see `split_study` for another.
        trust_gaze: whether gaze is taken as it stands though it lies wholly off its radiograph, or looks like fractions
            or milliseconds (`egaze.study.plausible`); study.json says of how many cases.
        progress: called with (radiographs done, radiographs in all).
        say: gets a line when an earlier run's radiographs are used or thrown away, and when an interruption leaves
            some.
        on_left_out: gets the cases left out, when there are any, before a strict run fails.

    A radiograph that was resized after its gaze was recorded has gaze and regions scaled, where the source knows the
    size.

    Raises:
        StudyError: no case, the same case id twice, no radiograph that can be read (or, with strict, any that cannot),
            too little disk, a worker that was killed, an unknown fit or presentation, a seed below 0, gaze that looks
            wrong and is not trusted, or a radiograph of another shape than the one that its gaze was recorded on.
        EgazeError: `out` exists already, is being prepared by another process, or cannot be written.

    Example:
        >>> from egaze.sources import EgdCxr
        >>> from egaze.study import prepare_study
        >>> study = prepare_study([EgdCxr("egd-cxr", "mimic-cxr")], "small", size_px=32)
        >>> len(study), study.images.shape[1:]
        (48, (32, 32))
    """
    require_seed(seed)
    if not 16 <= size_px <= 4096:
        raise StudyError(f"size must be 16 to 4096 px, got {size_px}")
    if workers < 1:
        raise StudyError(f"workers must be 1 or more, got {workers}")
    place = study_place(Path(out))
    try:
        canvas = Canvas.square(size_px, fit, presentation)
    except ValueError as error:
        raise StudyError(str(error)) from error
    gathered = gather(sources)
    trusted = require_plausible(gathered.entries, _strange_units, trust_gaze)
    with unfinished(place) as folder:
        with (
            ImageStore(folder, _settings(gathered, canvas), gathered.radiographs, gathered.rows, size_px) as store,
            _told_when_interrupted(store, len(gathered.radiographs), say or _nothing),
        ):
            failed = _store_radiographs(store, gathered, canvas, workers, progress or _nothing, say or _nothing)
            left_out = _left_out(gathered, failed)
            if not store.facts:
                discard(folder)
                raise StudyError(
                    f"none of the {len(gathered.radiographs)} radiographs can be read; {left_out[0].message}"
                )
            if left_out and on_left_out:
                on_left_out(left_out)
            if left_out and strict:
                raise StudyError(
                    f"{len(failed)} of {len(gathered.radiographs)} radiographs cannot be read; the others are kept: "
                    "mend these and give the same command, or let them be left out"
                )
            entries, radiographs, scales = _on_radiographs(gathered, store)
            trusted |= _require_on_radiograph(entries, radiographs, trust_gaze)
            study = new_study_folder(folder)
            cases = _write_tables(study, entries, radiographs, canvas)
            store.save(study / layout.IMAGES)
        patients = {facts["key"]: facts["patients"] for facts in gathered.facts}
        save_splits(study, make_splits(cases, patients, seed=seed, ratio=(8, 1, 1)))
        _write_manifest(study, gathered, cases, canvas, left_out, _gaze_facts(scales, len(trusted)))
        publish(folder, place)
    return open_study(Path(out), check_images=False)  # it has just been written


def study_place(out: Path) -> Path:
    """Where the study's folder will be put: where a link leads, and nowhere that a folder cannot be renamed to.

    Raises:
        EgazeError: `out` exists and is not an empty folder, leads nowhere, or cannot be written.
    """
    is_link = os.path.islink(out)
    place = Path(os.path.realpath(out)) if is_link else out.absolute()
    if os.path.islink(place):
        raise EgazeError(f"{out}: a link that leads back to itself; choose another place")
    require_free(place if is_link else out)
    try:
        str(place).encode()
    except UnicodeEncodeError as error:  # polars opens no such file
        raise EgazeError(f"{str(place)!r}: a study's path must be UTF-8; choose another place") from error
    return place


def _nothing(*_: Any) -> None:
    pass


@contextmanager
def _told_when_interrupted(store: ImageStore, radiographs: int, say: Callable[[str], None]) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        say(f"{len(store.facts)} of {radiographs} radiographs are kept; the same command goes on from there")
        raise


def _settings(gathered: Gathered, canvas: Canvas) -> str:
    """Digest of all that the stored pixels depend on, besides the radiographs themselves.

    Labels, gaze and the split are not part of it: their tables are made anew when all radiographs are there.
    """
    settings = {
        "format_version": layout.FORMAT_VERSION,
        "egaze": version("egaze"),
        "decoders": {name: layout.version_or_none(name) for name in _DECODERS},
        # Instruction sets differ in the last bit of a sum.
        "simd": _core.simd_level(),
        "canvas": asdict(canvas),
        "radiographs": [str(path) for path in gathered.radiographs],
        "rows": gathered.rows,
    }
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()


def _store_radiographs(
    store: ImageStore,
    gathered: Gathered,
    canvas: Canvas,
    workers: int,
    progress: Progress,
    say: Callable[[str], None],
) -> dict[int, Failed]:
    """Read every radiograph that is not there yet; returns those that cannot be read."""
    total = len(gathered.radiographs)
    if store.outdated:
        say(
            "the radiographs of an interrupted run were made with other radiographs, options or versions: starting over"
        )
    if store.found:
        say(f"going on with {store.found} of {total} radiographs of an interrupted run")
        progress(store.found, total)
    missing = [(number, path) for number, path in enumerate(gathered.radiographs) if number not in store.facts]
    failed = {}
    with closing(read_radiographs(missing, canvas, workers)) as answers:
        for number, _, answer in answers:
            if isinstance(answer, Failed):
                failed[number] = answer
            else:
                store.add(number, answer)
            progress(len(store.facts) + len(failed), total)
    return failed


def _left_out(gathered: Gathered, failed: dict[int, Failed]) -> list[LeftOut]:
    left_out = []
    for entry in gathered.entries:
        if (failure := failed.get(entry.radiograph)) is not None:
            reason = reason_without_identity(
                failure.message, gathered.radiographs[entry.radiograph], entry.case.patient_id
            )
            left_out.append(LeftOut(entry.case.case_id, failure.message, reason))
    return left_out


def _strange_units(entry: Entry) -> str | None:
    return None if entry.case.fixations is None else strange_units(entry.case.fixations)


def _on_radiographs(gathered: Gathered, store: ImageStore) -> tuple[list[Entry], list[RadiographFacts], list[Scale]]:
    """The cases whose radiographs are there, in pixels of those, and by how much each was scaled."""
    entries = [entry for entry in gathered.entries if entry.radiograph in store.facts]
    radiographs = [store.facts[entry.radiograph] for entry in entries]
    scaled, scales = to_radiograph_pixels(entries, radiographs)
    return scaled, radiographs, scales


def _require_on_radiograph(
    entries: Sequence[Entry], radiographs: Sequence[RadiographFacts], trust_gaze: bool
) -> set[str]:
    shapes = {entry.radiograph: radiograph.shape for entry, radiograph in zip(entries, radiographs, strict=True)}

    def said(entry: Entry) -> str | None:
        return None if entry.case.fixations is None else off_radiograph(entry.case.fixations, shapes[entry.radiograph])

    return require_plausible(entries, said, trust_gaze)


def _gaze_facts(scales: Sequence[Scale], trusted: int) -> layout.GazeFacts:
    factors = [factor for scale in scales if scale != UNSCALED for factor in scale]
    return {
        "trusted": trusted,
        "scaled": sum(scale != UNSCALED for scale in scales),
        "scale_factors": [min(factors), max(factors)] if factors else None,
    }


def _write_tables(
    study: Path, entries: Sequence[Entry], radiographs: Sequence[RadiographFacts], canvas: Canvas
) -> pl.DataFrame:
    cases = case_table(entries, radiographs)
    cases.write_parquet(study / layout.CASES)
    fixation_table(entries, radiographs, canvas).write_parquet(study / layout.FIXATIONS)
    region_table(entries, radiographs, canvas).write_parquet(study / layout.REGIONS)
    phrase_table(entries).write_parquet(study / layout.PHRASES)
    return cases


def _write_manifest(
    study: Path,
    gathered: Gathered,
    cases: pl.DataFrame,
    canvas: Canvas,
    left_out: Sequence[LeftOut],
    gaze: layout.GazeFacts,
) -> None:
    manifest: layout.Manifest = {
        "format_version": layout.FORMAT_VERSION,
        "egaze_version": version("egaze"),
        "sources": gathered.facts,
        "presentation": canvas.presentation,
        "fit": canvas.fit,
        "image_size_px": canvas.width_px,
        "class_names": gathered.class_names,
        "counts": {
            "cases": len(cases),
            "left_out": len(left_out),
            "patients": cases["patient"].n_unique(),
            "with_gaze": int((cases["fixations"] > 0).sum()),
            "with_label": int(cases["label"].is_not_null().sum()),
            "fixations": int(cases["fixations"].sum()),
            "regions": int(cases["regions"].sum()),
            "phrases": int(cases["phrases"].sum()),
            "classes": {name: int((cases["label"] == name).sum()) for name in gathered.class_names},
        },
        "gaze": gaze,
        "left_out": [{"case_id": item.case_id, "reason": item.reason} for item in left_out],
        "files": {name: layout.sha256_file(study / name) for name in layout.DIGESTED},
    }
    (study / layout.MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
