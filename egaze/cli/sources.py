"""The sources of `egaze prepare`: one subcommand for each data set's layout, with its options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from egaze.cli import progress
from egaze.cli.completing import METHODS, registered
from egaze.cli.gaze_exports import SCREEN, method_settings
from egaze.cli.label_sources import chexpert, mimic_cxr, nih_cxr14, vindr_cxr
from egaze.cli.source_options import (
    classes_option,
    images_or_none,
    list_radiographs_option,
    names_of,
    no_images_option,
    readers_table_option,
    require_one,
    require_writable,
    required,
    say,
    write_readers,
)
from egaze.registry import Registry

if TYPE_CHECKING:
    from egaze.gaze import Screen
    from egaze.sources import Source
    from egaze.sources.egd_cxr.detected import Detection


@click.command("egd-cxr")
@click.option("--gaze", required=True, type=click.Path(path_type=Path), help="Folder with master_sheet.csv.")
@click.option("--images", type=click.Path(path_type=Path), help="Folder with MIMIC-CXR's files/.  [required]")
@list_radiographs_option
@click.option(
    "--gaze-table",
    default="fixations",
    show_default=True,
    type=click.Choice(["fixations", "eye-gaze"]),
    help="fixations: fixations.csv, weighted by duration; eye-gaze: the 60 Hz samples in eye_gaze.csv.",
)
@click.option("--recalibrate", is_flag=True, help="Shift each session's gaze by its calibration cards' offset.")
@click.option(
    "--detect",
    metavar="METHOD",
    shell_complete=registered("egaze.fixation_methods", METHODS),
    help="Find fixations in eye_gaze.csv: adaptive, ivt or idt.",
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="A setting of the method, such as ivt's.")
@click.option("--screen", type=SCREEN, metavar="1920x1080,WxHmm,Dmm", help="The screen, for --detect.")
def egd_cxr(
    gaze: Path,
    images: Path | None,
    list_radiographs: bool,
    gaze_table: str,
    recalibrate: bool,
    detect: str | None,
    overrides: tuple[str, ...],
    screen: Screen | None,
) -> Source | list[str]:
    """EGD-CXR 1.0.0 from PhysioNet, with MIMIC-CXR's DICOM radiographs.

    If the whole master sheet is there (1,083 images of 1,038 patients), the published splits are checked.

    \b
    Example:
      egaze prepare egd-cxr --gaze egd-cxr-1.0.0 --list-radiographs > radiographs.txt
      egaze prepare egd-cxr --gaze egd-cxr-1.0.0 --images mimic-cxr-2.0.0 --out study
      egaze prepare egd-cxr --gaze egd-cxr-1.0.0 --images mimic-cxr-2.0.0 --gaze-table eye-gaze --detect adaptive \\
        --screen 1920x1080,527x296mm,650mm --out study
    """
    from egaze.sources import EgdCxr, egd_cxr
    from egaze.study.published_splits import published_split_report

    if list_radiographs:
        return egd_cxr.list_radiographs(gaze)
    source = EgdCxr(
        gaze,
        required(images, "--images"),
        gaze_table=gaze_table,
        recalibrate=recalibrate,
        detection=_detection(detect, overrides, screen),
    )
    if not progress.is_quiet():
        for line in published_split_report(source):
            click.echo(line)
    return source


def _detection(detect: str | None, overrides: tuple[str, ...], screen: Screen | None) -> Detection | None:
    if detect is None:
        if overrides or screen is not None:
            raise click.UsageError("--set and --screen need --detect METHOD")
        return None
    if screen is None:
        raise click.UsageError("--detect needs --screen 1920x1080,WxHmm,Dmm, the screen's visible size and distance")
    from egaze.sources.egd_cxr.detected import Detection

    return Detection(detect, screen, method_settings(detect, overrides))


@click.command("reflacx")
@click.option("--gaze", required=True, type=click.Path(path_type=Path), help="Folder with main_data/.")
@click.option("--images", type=click.Path(path_type=Path), help="Folder with MIMIC-CXR's files/.  [required]")
@list_radiographs_option
@click.option(
    "--phase", "phases", multiple=True, type=click.IntRange(1, 3), help="A phase; may be repeated.  [default: all]"
)
@click.option(
    "--readers",
    default="apart",
    show_default=True,
    type=click.Choice(["apart", "merged"]),
    help="apart: one case per reading; merged: one case per radiograph, with the gaze of all its readers.",
)
@click.option(
    "--certainty",
    type=click.IntRange(1, 5),
    help="Lowest certainty of a finding that counts: 1 unlikely, 2 less likely, 3 possible, 4 probable, 5 above 90 %. "
    "[default: 3 for classes; findings keep their certainties]",
)
@click.option(
    "--labels",
    default="classes",
    show_default=True,
    type=click.Choice(["classes", "findings"]),
    help="classes: normal, chf, pneumonia or none; findings: all findings, any number per case.",
)
@classes_option
@readers_table_option
def reflacx(
    gaze: Path,
    images: Path | None,
    list_radiographs: bool,
    phases: tuple[int, ...],
    readers: str,
    certainty: int | None,
    labels: str,
    classes: str | None,
    readers_table: Path | None,
) -> Source | list[str]:
    """REFLACX 1.0.0 from PhysioNet, with MIMIC-CXR's radiographs, DICOM or JPG.

    Findings are mapped to the classes normal, chf and pneumonia, or to none of them; or, with --labels findings, all of
    them are kept with their certainties. --uncertain then says what certainties between 0 and 1 teach.

    \b
    Example:
      egaze prepare reflacx --gaze reflacx-1.0.0 --list-radiographs > radiographs.txt
      egaze prepare reflacx --gaze reflacx-1.0.0 --images mimic-cxr-2.0.0 --phase 3 --out study
      egaze prepare reflacx --gaze reflacx-1.0.0 --images mimic-cxr-2.0.0 --labels findings --uncertain soft --out study
    """
    from egaze.sources import Reflacx, reflacx

    phases = phases or reflacx.PHASES
    if list_radiographs:
        return reflacx.list_radiographs(gaze, phases)
    if readers_table is not None and (labels, readers) != ("findings", "merged"):
        raise click.UsageError("--readers-table needs --labels findings and --readers merged: cases of several readers")
    images = required(images, "--images")
    require_writable(readers_table)
    names = names_of(classes)
    source = Reflacx(
        gaze, images, phases=phases, readers=readers, certainty=certainty, labels=labels, class_names=names
    )
    write_readers(source, readers_table)
    return source


@click.command("siim-gaze")
@click.option("--gaze", required=True, type=click.Path(path_type=Path), help="cxr_gaze_data.json.")
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    help="Folder of the radiographs, DICOM, PNG or JPEG, each named by its SOPInstanceUID, at any depth.  [required, "
    "or --no-images]",
)
@click.option(
    "--masks", type=click.Path(path_type=Path), help="train-rle.csv, with the outlines of pneumothoraces.  [required]"
)
@no_images_option
@list_radiographs_option
def siim_gaze(
    gaze: Path, images: Path | None, masks: Path | None, no_images: bool, list_radiographs: bool
) -> Source | list[str]:
    """Radiologists' gaze on radiographs of SIIM-ACR Pneumothorax, which need no credential.

    The classes are normal (no pneumothorax is outlined) and pneumothorax, whose outlines come as regions. Durations are
    relative. Patients are unknown: each radiograph stands as one. docs/real-gaze.md says where the files are from.

    \b
    Example:
      egaze prepare siim-gaze --gaze cxr_gaze_data.json --list-radiographs > radiographs.txt
      egaze prepare siim-gaze --gaze cxr_gaze_data.json --images dicom-images-train \\
        --masks train-rle.csv --out study
      egaze prepare siim-gaze --gaze cxr_gaze_data.json --no-images --masks train-rle.csv --out gaze
    """
    from egaze.sources import SiimGaze, siim_gaze

    if list_radiographs:
        return siim_gaze.list_radiographs(gaze)
    source = SiimGaze(gaze, images_or_none(images, no_images), required(masks, "--masks"))
    say(source.notes)
    return source


@click.command("gazesearch")
@click.option("--gaze", required=True, type=click.Path(path_type=Path), help="The JSON of scanpaths.")
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    help="Folder of MIMIC-CXR's files/.  [required, or --no-images]",
)
@no_images_option
@list_radiographs_option
def gazesearch(gaze: Path, images: Path | None, no_images: bool, list_radiographs: bool) -> Source | list[str]:
    """GazeSearch: radiologists' scanpaths for a finding each, with MIMIC-CXR's radiographs, DICOM or JPG.

    A case is a scanpath, its class the finding that was sought and found. Durations are relative: their unit is nowhere
    said. The layout is that of the authors' code; egaze has not been run on the file itself. With --no-images the
    shapes of the radiographs are unknown, and they are taken for squares.

    \b
    Example:
      egaze prepare gazesearch --gaze scanpaths.json --list-radiographs > radiographs.txt
      egaze prepare gazesearch --gaze scanpaths.json --images mimic-cxr-jpg-2.1.0 --out study
      egaze prepare gazesearch --gaze scanpaths.json --no-images --out gaze
    """
    from egaze.sources import GazeSearch, gazesearch

    if list_radiographs:
        return gazesearch.list_radiographs(gaze)
    source = GazeSearch(gaze, images_or_none(images, no_images))
    say(source.notes)
    return source


@click.command("table")
@click.argument("cases", type=click.Path(path_type=Path), metavar="CASES.csv")
@click.option("--fixations", type=click.Path(path_type=Path), help="Table of fixations, if there is gaze.")
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    metavar="ROOT",
    help="Folder that radiographs' paths start from. [default: the folder of CASES.csv]",
)
@no_images_option
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="LABELS.csv",
    help="Table of independent labels: any number of classes for each case, a column for each class.",
)
@click.option(
    "--classes",
    help="The classes in order, separated by commas. [default: the labels found, sorted, or all columns of LABELS.csv]",
)
@click.option(
    "--recordings",
    type=click.Path(path_type=Path),
    help="recordings.json of `egaze gaze import`: the samples' quality.",
)
def table(
    cases: Path,
    fixations: Path | None,
    images: Path | None,
    no_images: bool,
    labels: Path | None,
    classes: str | None,
    recordings: Path | None,
) -> Source:
    """Your own data in a table; `egaze new-table` writes a template.

    \b
    CASES.csv has one row per radiograph, or per reading of it:
      case_id     a unique name
      image       the radiograph's path, relative to ROOT or absolute; with
                  --no-images, a name that all readings of it have
      patient_id  the patient; no patient is in two splits
      label       optional: the class; empty or NA for none
      split       optional: train, validation or test
      reader_id   optional: the reader
      radiograph_width_px, radiograph_height_px
                  optional: the radiograph's size when gaze was recorded, if it was
                  resized since; required with --no-images

    \b
    FIXATIONS.csv has one row per fixation:
      case_id     of CASES.csv
      x_px, y_px  pixels of the radiograph; 0, 0 is the centre of the top left pixel
      duration_s  seconds; or a column duration_relative instead, with numbers in
                  proportion to the durations, such as counts of samples
      onset_s     optional: seconds since the radiograph appeared
      pixels_per_degree
                  optional: pixels of the radiograph per degree of visual angle
      x_min_shown_px, y_min_shown_px, x_max_shown_px, y_max_shown_px
                  optional: the part of the radiograph that was on the screen

    \b
    LABELS.csv, in place of the column label, has one row per case:
      case_id     of CASES.csv
      CLASS       one column for each class: 1 present, 0 absent, empty unknown, -1
                  uncertain, or a certainty between 0 and 1

    \b
    Example:
      case_id,image,patient_id,label             case_id,x_px,y_px,duration_s
      case-1,images/1.dcm,patient-1,normal       case-1,812.5,1034,0.25
      egaze prepare table cases.csv --fixations fixations.csv --classes normal,chf --out study
      egaze prepare table cases.csv --images /data/radiographs --out study
      egaze prepare table cases.csv --labels findings.csv --uncertain soft --out study
      egaze prepare table cases.csv --fixations fixations.csv --no-images --out gaze
    """
    from egaze.sources import Table

    require_one(images, no_images)
    return Table(
        cases,
        fixations,
        names_of(classes),
        labels=labels,
        images=images,
        has_images=not no_images,
        recordings=recordings,
    )


#: egaze's own sources.
OWN = (egd_cxr, reflacx, siim_gaze, gazesearch, nih_cxr14, chexpert, mimic_cxr, vindr_cxr, table)

#: Commands that return a `Source`; other packages add theirs as `egaze.sources`.
SOURCES: Registry[click.Command] = Registry(
    "egaze.sources",
    "source",
    {str(command.name): command for command in OWN},
    fits=lambda item: isinstance(item, click.Command),
)
