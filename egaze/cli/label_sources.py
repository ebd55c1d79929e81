"""The sources of `egaze prepare` that have labels of their own and no gaze, each a subcommand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from egaze.cli.source_options import (
    classes_option,
    list_radiographs_option,
    names_of,
    readers_table_option,
    require_writable,
    required,
    say,
    write_readers,
)

if TYPE_CHECKING:
    from egaze.sources import Source


@click.command("nih-cxr14")
@click.option("--tables", required=True, type=click.Path(path_type=Path), help="Folder with Data_Entry_2017_v2020.csv.")
@click.option("--images", type=click.Path(path_type=Path), help="Folder of the radiographs, at any depth.  [required]")
@list_radiographs_option
@classes_option
def nih_cxr14(tables: Path, images: Path | None, list_radiographs: bool, classes: str | None) -> Source | list[str]:
    """NIH ChestX-ray14: 14 findings mined from reports, any number on a radiograph, and no gaze.

    Data_Entry_2017.csv will do too. BBox_List_2017.csv, if it is there, gives radiologists' boxes of findings;
    train_val_list.txt and test_list.txt give the published split by patient. docs/tables.md says what labels mean.

    \b
    Example:
      egaze prepare nih-cxr14 --tables nih --images nih/images --out study
      egaze prepare nih-cxr14 --tables nih --images nih/images --classes Effusion,Pneumothorax --out study
      egaze train study --recipe encoder-only --out run
    """
    from egaze.sources import NihCxr14, nih_cxr14

    if list_radiographs:
        return nih_cxr14.list_radiographs(tables)
    source = NihCxr14(tables, required(images, "--images"), class_names=names_of(classes))
    say(source.notes)
    return source


@click.command("chexpert")
@click.option("--tables", required=True, type=click.Path(path_type=Path), help="Folder with train.csv and valid.csv.")
@click.option(
    "--images", type=click.Path(path_type=Path), help="Folder with CheXpert-v1.0-small/, or with train/.  [required]"
)
@list_radiographs_option
@click.option("--lateral", is_flag=True, help="Take lateral radiographs too; without it only frontal ones.")
@click.option(
    "--valid-as",
    default="validation",
    show_default=True,
    type=click.Choice(["validation", "test"]),
    help="The split of valid.csv. test, where there is no test.csv, divides train.csv's patients for validation.",
)
@classes_option
def chexpert(
    tables: Path, images: Path | None, list_radiographs: bool, lateral: bool, valid_as: str, classes: str | None
) -> Source | list[str]:
    """CheXpert: 13 findings of reports, each present, absent, uncertain or not mentioned, and no gaze.

    What an uncertain label teaches is chosen by --uncertain. Findings that are not mentioned are unknown, but absent
    where "No Finding" is 1. docs/tables.md says what labels mean.

    \b
    Example:
      egaze prepare chexpert --tables CheXpert-v1.0-small --images . --uncertain one --out study
      egaze prepare chexpert --tables CheXpert-v1.0-small --images . --classes Edema,Pneumonia --out study
    """
    from egaze.sources import CheXpert, chexpert

    if list_radiographs:
        return chexpert.list_radiographs(tables, lateral=lateral)
    images = required(images, "--images")
    source = CheXpert(tables, images, lateral=lateral, valid_as=valid_as, class_names=names_of(classes))
    say(source.notes)
    return source


@click.command("mimic-cxr")
@click.option(
    "--tables",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder with mimic-cxr-2.0.0-chexpert.csv or -negbio.csv, -split.csv and -metadata.csv, or the same in .gz.",
)
@click.option("--images", type=click.Path(path_type=Path), help="Folder with MIMIC-CXR's files/.  [required]")
@list_radiographs_option
@click.option(
    "--labels",
    type=click.Choice(["chexpert", "negbio"]),
    help="The program that read the reports, if the tables of both are there.",
)
@click.option("--lateral", is_flag=True, help="Take radiographs of every view; without it only frontal ones, PA or AP.")
@classes_option
@click.option("--egd-cxr", "egd_cxr_gaze", type=click.Path(path_type=Path), help="EGD-CXR's folder, for its gaze.")
@click.option("--reflacx", "reflacx_gaze", type=click.Path(path_type=Path), help="REFLACX's folder, for its gaze.")
def mimic_cxr(
    tables: Path,
    images: Path | None,
    list_radiographs: bool,
    labels: str | None,
    lateral: bool,
    classes: str | None,
    egd_cxr_gaze: Path | None,
    reflacx_gaze: Path | None,
) -> Source | list[str]:
    """MIMIC-CXR, DICOM or JPG, with MIMIC-CXR-JPG's labels of 13 findings and its split.

    Labels were read from reports by a program and belong to a whole study: each of its radiographs has them. What
    uncertain ones teach is chosen by --uncertain. Findings that are not mentioned are unknown, but absent where "No
    Finding" is 1. With --egd-cxr or --reflacx, radiographs have their gaze and the same labels, beside all others,
    which have labels alone. docs/tables.md says what labels mean.

    \b
    Example:
      egaze prepare mimic-cxr --tables mimic-cxr-jpg-2.1.0 --images mimic-cxr-jpg-2.1.0 --labels chexpert --out study
      egaze prepare mimic-cxr --tables mimic-cxr-jpg-2.1.0 --images mimic-cxr-2.0.0 --labels chexpert \\
        --egd-cxr egd-cxr-1.0.0 --reflacx reflacx-1.0.0 --uncertain one --out study
    """
    from egaze.sources import EgdCxr, MimicCxr, Reflacx, mimic_cxr

    if list_radiographs:
        return mimic_cxr.list_radiographs(tables, lateral=lateral)
    images = required(images, "--images")
    gaze: list[Source] = []
    if egd_cxr_gaze is not None:
        gaze.append(EgdCxr(egd_cxr_gaze, images))
    if reflacx_gaze is not None:
        gaze.append(Reflacx(reflacx_gaze, images))
    source = MimicCxr(tables, images, labels=labels, lateral=lateral, class_names=names_of(classes), gaze=gaze)
    say(source.notes)
    return source


@click.command("vindr-cxr")
@click.option("--tables", required=True, type=click.Path(path_type=Path), help="Folder with annotations/, or that one.")
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    help="Folder of the radiographs, each named by its image_id, at any depth.  [required]",
)
@list_radiographs_option
@click.option(
    "--votes",
    default="majority",
    show_default=True,
    type=click.Choice(["majority", "share", "any"]),
    help="What readers who disagree make of a class: what more than half of them say; the share of them that see it, "
    "as its certainty; or that it is present if any of them sees it.",
)
@classes_option
@readers_table_option
def vindr_cxr(
    tables: Path,
    images: Path | None,
    list_radiographs: bool,
    votes: str,
    classes: str | None,
    readers_table: Path | None,
) -> Source | list[str]:
    """VinDr-CXR 1.0.0 from PhysioNet: 28 classes and boxes of three radiologists, and of five in the test.

    With --votes share, what uncertain labels teach is chosen by --uncertain: by default, only what all readers
    agree on is learnt. Patients are unknown: each radiograph stands as one. The test is the data set's.

    \b
    Example:
      egaze prepare vindr-cxr --tables vindr-cxr-1.0.0 --images vindr-cxr-1.0.0 --out study
      egaze prepare vindr-cxr --tables vindr-cxr-1.0.0 --images vindr-cxr-1.0.0 --votes share --uncertain soft \\
        --classes Cardiomegaly,"Pleural effusion" --readers-table readers.csv --out study
    """
    from egaze.sources import VindrCxr, vindr_cxr

    if list_radiographs:
        return vindr_cxr.list_radiographs(tables)
    images = required(images, "--images")
    require_writable(readers_table)
    source = VindrCxr(tables, images, votes=votes, class_names=names_of(classes))
    write_readers(source, readers_table)
    say(source.notes)
    return source
