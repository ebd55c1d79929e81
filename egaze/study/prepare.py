"""Preparing a study: radiographs are read, placed on the canvas and stored, with the gaze on them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from egaze import _core
from egaze.atomic import require_free
from egaze.cluster import Cluster
from egaze.errors import EgazeError, StudyError
from egaze.imaging import Canvas
from egaze.labels import UNCERTAIN, Labels, class_counts
from egaze.progress import Progress
from egaze.sources import Source
from egaze.sources.cell_names import first_alike, folded
from egaze.study import layout
from egaze.study.decoding import read_on_cluster, read_radiographs
from egaze.study.gather import Entry, Gathered, gather
from egaze.study.gaze_quality import gaze_quality
from egaze.study.image_store import ImageStore
from egaze.study.placing import Failed, RadiographFacts, reason_without_identity
from egaze.study.plausible import off_radiograph, require_plausible, strange_units
from egaze.study.publish import new_study_folder, publish
from egaze.study.resized import UNSCALED, Scale, to_radiograph_pixels
from egaze.study.splits import make_splits, require_seed, save_splits
from egaze.study.stated import stated_facts
from egaze.study.study import Study, open_study
from egaze.study.tables import case_table, fixation_table, labels_of, phrase_table, region_table
from egaze.unfinished import discard, unfinished

_DECODERS = ("numpy", "pillow", "pydicom", "pylibjpeg", "pylibjpeg-openjpeg", "python-gdcm")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A case whose radiograph cannot be read.

    Attributes:
        case_id: the case.
        message: the path of the radiograph and the error. Paths may identify patients, so do not store or share it.
        reason: the error as recorded in study.json, without any part of the path or the patient's identifier.
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
    cluster: Cluster | None = None,
    strict: bool = False,
    seed: int = 42,
    trust_gaze: bool = False,
    uncertain: str = "ignore",
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
    on_left_out: Callable[[Sequence[LeftOut]], None] | None = None,
) -> Study:
    """Prepare a study. Its folder exists as a whole or not at all.

    Cases without files of radiographs make a study without images, whose gaze can be measured and drawn, and on which
    nothing can be trained. Its canvas is laid over radiographs of the sizes that the cases state.

    Radiographs are stored in the hidden folder `.NAME.partial` beside `out` until all have been read. An interrupted
    run leaves this folder, and the same call continues from it; the study is then identical, byte for byte, to that of
    an uninterrupted run. Radiographs whose files have changed, and those that could not be read, are read again.

    A radiograph that cannot be read does not stop the run: its cases are left out and listed in study.json, and the
    splits do not depend on them. The images are then copied without the rows of these cases, which needs the space
    twice.

    If a radiograph was resized after its gaze was recorded and the source knows the original size, gaze and regions are
    scaled.

    Args:
        sources: of the cases; their class names are joined in order.
        out: the folder of the study, which must not exist yet.
        size_px: the side of the square canvas, 16 to 4096.
        fit: "stretch" or "letterbox".
        presentation: how stored values become grey values in [0, 1]; see `read_radiograph`.
        workers: the number of processes that read radiographs, each holding one in memory; 1 reads in this process. The
            result does not depend on it.
        cluster: reads the radiographs in place of `workers`, to the same study; see `egaze.cluster.open_cluster`.
        strict: whether a radiograph that cannot be read is an error, raised after all have been tried.
        seed: of the splits by patient, 8:1:1, 0 or more; see `split_study` for other ratios.
        trust_gaze: whether to accept gaze that lies wholly off its radiograph or looks like fractions or milliseconds
            (`egaze.study.plausible`); study.json records the number of such cases.
        uncertain: what an uncertain label teaches, in a study of independent labels: one of `egaze.labels.UNCERTAIN`.
            The study keeps the certainties, and study.json records this choice.
        progress: called with (radiographs done, radiographs in all).
        say: called with one line if classes of several sources look alike, if radiographs of an earlier run are used or
            discarded, and if an interruption leaves radiographs for a later run.
        on_left_out: called with the cases left out, if there are any, before a strict run fails.

    Returns:
        The study, opened.

    Raises:
        StudyError: no case, a case id that occurs twice, no readable radiograph (or, with `strict`, an unreadable one),
            too little space on the disk, a worker that was killed, an unknown fit or presentation, a seed below 0,
            labels of different kinds, an unknown policy for uncertain labels, implausible gaze that is not trusted,
            a radiograph whose shape differs from that on which its gaze was recorded, cases with and without images,
            or, without images, a size that is not whole, a fit that needs a shape that is not known, or a presentation
            of what is not there.
        EgazeError: `out` exists already, is being prepared by another process, or is not writable.

    Example:
        >>> from egaze.sources import EgdCxr
        >>> from egaze.study import prepare_study
        >>> study = prepare_study([EgdCxr("egd-cxr", "mimic-cxr")], "small", size_px=32)
        >>> len(study), study.images.shape[1:]
        (48, (32, 32))
    """
    require_settings(size_px=size_px, seed=seed, uncertain=uncertain)
    if workers < 1:
        raise StudyError(f"workers must be 1 or more, got {workers}")
    place = study_place(Path(out))
    try:
        canvas = Canvas.square(size_px, fit, presentation)
    except ValueError as error:
        raise StudyError(str(error)) from error
    gathered = gather(sources)
    if alike := first_alike(gathered.class_names, lambda name: folded(name.replace("_", " "))):
        (say or _nothing)(f"classes {alike[0]!r} and {alike[1]!r} look alike, but stay two classes")
    trusted = require_plausible(gathered.entries, _strange_units, trust_gaze)
    label_facts: layout.LabelFacts = {
        "kind": gathered.kind,
        "uncertain": uncertain if gathered.kind == "independent" else None,
    }
    with unfinished(place, "preparing this study") as folder:
        with _radiographs(
            *(gathered, folder, canvas, cluster or workers, strict),
            *(progress or _nothing, say or _nothing, on_left_out or _nothing),
        ) as (facts, left_out, store):
            entries, radiographs, scales = _on_radiographs(gathered.entries, facts)
            trusted |= _require_on_radiograph(entries, radiographs, trust_gaze)
            labels = labels_of(entries, gathered.class_names, label_facts)
            study = new_study_folder(folder)
            cases = _write_tables(study, entries, radiographs, labels, canvas, has_images=store is not None)
            if store is not None:
                store.save(study / layout.IMAGES)
        patients = {source["key"]: source["patients"] for source in gathered.facts}
        save_splits(study, make_splits(cases, patients, seed=seed, ratio=(8, 1, 1)))
        gaze = _gaze_facts(scales, len(trusted), gaze_quality(entries, radiographs))
        _write_manifest(study, gathered, cases, (label_facts, labels), canvas, left_out, gaze)
        publish(folder, place)
    return open_study(Path(out), check_images=False)  # the images have just been written


def require_settings(*, size_px: int, seed: int, uncertain: str) -> None:
    """Raise StudyError for a setting of a study that is out of range."""
    require_seed(seed)
    if uncertain not in UNCERTAIN:
        raise StudyError(f"uncertain must be one of {', '.join(UNCERTAIN)}, got {uncertain!r}")
    if not 16 <= size_px <= 4096:
        raise StudyError(f"size must be 16 to 4096 px, got {size_px}")


def study_place(out: Path) -> Path:
    """The final path of a study's folder: `out`, or its target if it is a link.

    Raises:
        EgazeError: `out` exists and is not an empty folder, is a link to itself, or is not writable.
    """
    is_link = os.path.islink(out)
    place = Path(os.path.realpath(out)) if is_link else out.absolute()
    if os.path.islink(place):
        raise EgazeError(f"{out}: is a link to itself; choose another place")
    require_free(place if is_link else out)
    try:
        str(place).encode()
    except UnicodeEncodeError as error:  # polars cannot open such a path
        raise EgazeError(f"{str(place)!r}: a study's path must be UTF-8; choose another place") from error
    return place


def _nothing(*_: Any) -> None:
    pass


@contextmanager
def _reported_when_interrupted(store: ImageStore, radiographs: int, say: Callable[[str], None]) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        say(f"{len(store.facts)} of {radiographs} radiographs are kept; the same command continues from there")
        raise


@contextmanager
def _radiographs(
    gathered: Gathered,
    folder: Path,
    canvas: Canvas,
    readers: Cluster | int,
    strict: bool,
    progress: Progress,
    say: Callable[[str], None],
    on_left_out: Callable[[Sequence[LeftOut]], None],
) -> Iterator[tuple[Mapping[int, RadiographFacts], list[LeftOut], ImageStore | None]]:
    """Yield the facts about each radiograph by number, the cases left out, and the store of the images, if there are
    any."""
    if gathered.radiographs is None:
        yield stated_facts(gathered.entries, canvas), [], None
        return
    total = len(gathered.radiographs)
    settings = _settings(gathered.radiographs, gathered.rows, canvas)
    with (
        ImageStore(folder, settings, gathered.radiographs, gathered.rows, canvas.width_px) as store,
        _reported_when_interrupted(store, total, say),
    ):
        failed = _store_radiographs(store, gathered.radiographs, canvas, readers, progress, say)
        left_out = _left_out(gathered.entries, gathered.radiographs, failed)
        if not store.facts:
            discard(folder)
            raise StudyError(f"none of the {total} radiographs can be read; {left_out[0].message}")
        if left_out:
            on_left_out(left_out)
        if left_out and strict:
            raise StudyError(
                f"{len(failed)} of {total} radiographs cannot be read; the others are kept: "
                "repair these and run the same command again, or leave them out"
            )
        yield store.facts, left_out, store


def _settings(radiographs: Sequence[Path], rows: Sequence[Sequence[int]], canvas: Canvas) -> str:
    """The digest of everything that the stored pixels depend on, except the radiographs themselves.

    Labels, gaze and splits are not part of it: their tables are written after all radiographs have been read.
    """
    settings = {
        "format_version": layout.FORMAT_VERSION,
        "egaze": version("egaze"),
        "decoders": {name: layout.version_or_none(name) for name in _DECODERS},
        # Sums differ in the last bit between instruction sets.
        "simd": _core.simd_level(),
        "canvas": asdict(canvas),
        "radiographs": [str(path) for path in radiographs],
        "rows": rows,
    }
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()


def _store_radiographs(
    store: ImageStore,
    radiographs: Sequence[Path],
    canvas: Canvas,
    readers: Cluster | int,
    progress: Progress,
    say: Callable[[str], None],
) -> dict[int, Failed]:
    """Read all radiographs that are not stored yet; returns those that cannot be read."""
    total = len(radiographs)
    if store.outdated:
        say("an interrupted run had other radiographs, options or versions: starting again")
    if store.found:
        say(f"continuing with {store.found} of {total} radiographs of an interrupted run")
        progress(store.found, total)
    missing = [(number, path) for number, path in enumerate(radiographs) if number not in store.facts]
    failed = {}
    if isinstance(readers, Cluster):
        reading = read_on_cluster(missing, canvas, readers, _DECODERS)
    else:
        reading = read_radiographs(missing, canvas, readers)
    with closing(reading) as outcomes:
        for number, _, outcome in outcomes:
            if isinstance(outcome, Failed):
                failed[number] = outcome
            else:
                store.add(number, outcome)
            progress(len(store.facts) + len(failed), total)
    return failed


def _left_out(entries: Sequence[Entry], radiographs: Sequence[Path], failed: dict[int, Failed]) -> list[LeftOut]:
    left_out = []
    for entry in entries:
        if (failure := failed.get(entry.radiograph)) is not None:
            path = radiographs[entry.radiograph]
            reason = reason_without_identity(failure.message, path, entry.case.patient_id)
            left_out.append(LeftOut(entry.case.case_id, failure.message, reason))
    return left_out


def _strange_units(entry: Entry) -> str | None:
    return None if entry.case.fixations is None else strange_units(entry.case.fixations)


def _on_radiographs(
    gathered: Sequence[Entry], facts: Mapping[int, RadiographFacts]
) -> tuple[list[Entry], list[RadiographFacts], list[Scale]]:
    """The cases with known radiographs, in pixels of these, their radiographs, and the scale of each."""
    entries = [entry for entry in gathered if entry.radiograph in facts]
    radiographs = [facts[entry.radiograph] for entry in entries]
    scaled, scales = to_radiograph_pixels(entries, radiographs)
    return scaled, radiographs, scales


def _require_on_radiograph(
    entries: Sequence[Entry], radiographs: Sequence[RadiographFacts], trust_gaze: bool
) -> set[str]:
    shapes = {entry.radiograph: radiograph.shape for entry, radiograph in zip(entries, radiographs, strict=True)}

    def said(entry: Entry) -> str | None:
        return None if entry.case.fixations is None else off_radiograph(entry.case.fixations, shapes[entry.radiograph])

    return require_plausible(entries, said, trust_gaze)


def _gaze_facts(scales: Sequence[Scale], trusted: int, quality: layout.GazeQualityFacts) -> layout.GazeFacts:
    factors = [factor for scale in scales if scale != UNSCALED for factor in scale]
    return {
        "trusted": trusted,
        "scaled": sum(scale != UNSCALED for scale in scales),
        "scale_factors": [min(factors), max(factors)] if factors else None,
        "quality": quality,
    }


def _write_tables(
    study: Path,
    entries: Sequence[Entry],
    radiographs: Sequence[RadiographFacts],
    labels: Labels,
    canvas: Canvas,
    *,
    has_images: bool,
) -> pl.DataFrame:
    cases = case_table(entries, radiographs, labels, has_images=has_images)
    cases.write_parquet(study / layout.CASES)
    fixation_table(entries, radiographs, canvas).write_parquet(study / layout.FIXATIONS)
    region_table(entries, radiographs, canvas).write_parquet(study / layout.REGIONS)
    phrase_table(entries).write_parquet(study / layout.PHRASES)
    return cases


def _write_manifest(
    study: Path,
    gathered: Gathered,
    cases: pl.DataFrame,
    labelled: tuple[layout.LabelFacts, Labels],
    canvas: Canvas,
    left_out: Sequence[LeftOut],
    gaze: layout.GazeFacts,
) -> None:
    label_facts, labels = labelled
    manifest: layout.Manifest = {
        "format_version": layout.FORMAT_VERSION,
        "egaze_version": version("egaze"),
        "sources": gathered.facts,
        "presentation": canvas.presentation,
        "fit": canvas.fit,
        "image_size_px": canvas.width_px,
        "class_names": gathered.class_names,
        "labels": label_facts,
        "counts": {
            "cases": len(cases),
            "left_out": len(left_out),
            "patients": cases["patient"].n_unique(),
            "with_gaze": int((cases["fixations"] > 0).sum()),
            "with_label": int(cases["label"].is_not_null().sum()),
            "fixations": int(cases["fixations"].sum()),
            "regions": int(cases["regions"].sum()),
            "phrases": int(cases["phrases"].sum()),
            "classes": {name: counts.present for name, counts in class_counts(labels).items()},
        },
        "gaze": gaze,
        "left_out": [{"case_id": item.case_id, "reason": item.reason} for item in left_out],
        "files": {},
    }
    if gathered.radiographs is None:
        manifest["images"] = False
    manifest["files"] = {name: layout.sha256_file(study / name) for name in layout.digested(manifest)}
    (study / layout.MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
