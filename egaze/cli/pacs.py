"""`egaze pacs`."""

from __future__ import annotations

import os
import re
import sys
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from egaze.cli import progress
from egaze.cli.completing import MODEL
from egaze.cli.dicom_options import dicom_options, dicom_out_option, object_options
from egaze.cli.options import device_option, model_limit_option
from egaze.errors import EgazeError

if TYPE_CHECKING:
    from egaze.deploy import ModelLimits
    from egaze.dicom_objects.study_results import StudyResult

#: The environment variable of the archive's password.
PASSWORD = "EGAZE_PACS_PASSWORD"


@click.command()
@click.argument("url", metavar="URL")
@click.option("--study", "study_uid", required=True, metavar="UID", help="Study Instance UID.")
@click.option("--model", required=True, type=MODEL, metavar="MODEL.pt", help="The exported model.")
@click.option("--store", is_flag=True, help="Store the DICOM objects of the predictions in the archive.")
@dicom_out_option
@dicom_options
@click.option("--user", metavar="NAME", help="Name for the archive's password.")
@click.option(
    "--ca",
    "ca_file",
    type=click.Path(path_type=Path),
    metavar="FILE.pem",
    help="Certificate of the archive or of its issuer, if the system does not know it.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.1, 3600),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the archive may be silent; a transfer may take 20 times as long.",
)
@device_option
@model_limit_option
def command(
    url: str,
    study_uid: str,
    model: Path,
    store: bool,
    dicom_out: Path | None,
    dicom: tuple[str, ...],
    dicom_threshold_frac: float | None,
    user: str | None,
    ca_file: Path | None,
    timeout_s: float,
    device: str,
    limits: ModelLimits,
) -> None:
    """Predict the chest radiographs of a study in a DICOMweb archive, and store the results there.

    URL is where the archive's DICOMweb services begin. Radiographs (CR, and DX for presentation) are read one after the
    other and kept nowhere; lateral views and other parts of the body are left out. The objects that --dicom names
    belong to the study and are marked as for research use and not for diagnosis. With --store they are stored in the
    archive, unless it has them already: the same prediction has the same UID. With --dicom-out they are written to
    files, whose names are the radiographs' UIDs.

    The password is that of the environment variable EGAZE_PACS_PASSWORD, of the archive's entry in a netrc file
    (~/.netrc, or the one that NETRC names), or is asked for if --user is given.

    \b
    Example:
      egaze pacs https://pacs.example/dicom-web --study 1.2.840.1 --model model.pt --user me
      egaze pacs https://pacs.example/dicom-web --study 1.2.840.1 --model model.pt --store --dicom sc --dicom sr
    """
    if not store and dicom_out is None and (dicom or dicom_threshold_frac is not None):
        raise click.UsageError("--dicom and --dicom-threshold need --store or --dicom-out")
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)+", study_uid) or len(study_uid) > 64:
        raise click.UsageError("--study takes a UID, such as 1.2.840.1")
    if ca_file is not None and not ca_file.is_file():
        raise EgazeError(f"{ca_file}: there is no such file")
    try:
        from egaze.dicom_objects.archive import Archive, require_url
    except ModuleNotFoundError as error:
        raise EgazeError("egaze pacs needs dicomweb-client: pip install 'egaze[pacs]'") from error
    require_url(url)
    archive = Archive(url, _user_password(url, user), ca_file, timeout_s)
    from egaze.deploy import Predictor
    from egaze.dicom_objects import DicomFolder
    from egaze.dicom_objects.objects import require_kinds
    from egaze.dicom_objects.study_results import study_results

    options = object_options(dicom, dicom_threshold_frac)
    predictor = Predictor(model, device, limits=limits)
    if store:
        require_kinds(options.kinds, predictor.spec, model)
    folder = None if dicom_out is None else DicomFolder(dicom_out, options, model, predictor.spec)
    failed, count = 0, 0
    with progress.bar("predicting") as update:
        results = study_results(archive, study_uid, predictor, options, store=store, folder=folder, progress=update)
        for result in results:
            _report(result)
            failed, count = failed + bool(result.error), count + 1
    if failed:
        raise EgazeError(f"{failed} of {count} radiographs could not be predicted")


def _report(result: StudyResult) -> None:
    if result.error:
        print(f"egaze: error: {result.error}", file=sys.stderr)
    elif result.prediction is None:
        click.echo(f"{result.name}: left out: it {result.left_out}")
    else:
        prediction = result.prediction
        pairs = zip(prediction.class_names, prediction.class_probs, strict=True)
        said = "  ".join(f"{name} {value:.4f}" for name, value in pairs)
        for what, kinds in (("stored", result.stored), ("already there", result.present)):
            said += f"  ({what}: {', '.join(kinds)})" if kinds else ""
        click.echo(f"{result.name}: {said}")
        if prediction.notes and not progress.is_quiet():
            print(f"egaze: note: {result.name}: {'; '.join(prediction.notes)}", file=sys.stderr)


def _user_password(url: str, user: str | None) -> tuple[str, str] | None:
    """The name and the password for an archive, from the environment, a netrc file or a question."""
    host = urlsplit(url).hostname or ""
    if urlsplit(url).scheme == "http" and host not in ("localhost", "127.0.0.1", "::1") and not progress.is_quiet():
        print(f"egaze: note: {url}: passwords and radiographs are sent without encryption", file=sys.stderr)
    password = os.environ.get(PASSWORD)
    if password is not None:
        if user is None:
            raise EgazeError(f"{PASSWORD} is set: give the name for it by --user")
        return user, password
    found = _netrc_entry(host)
    if found is not None and user in (None, found[0]):
        return found
    if user is None:
        return None
    if not sys.stdin.isatty():
        raise EgazeError(f"there is no password for --user: set {PASSWORD}, or add the archive to a netrc file")
    return user, click.prompt(f"Password of {user}", hide_input=True, err=True)


def _netrc_entry(host: str) -> tuple[str, str] | None:
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    if not path.is_file():
        return None
    try:
        found = netrc(path).authenticators(host)
    except (NetrcParseError, OSError, UnicodeDecodeError) as error:
        raise EgazeError(f"{path}: cannot be read as a netrc file ({type(error).__name__})") from None
    return None if found is None else (found[0], found[2] or "")
