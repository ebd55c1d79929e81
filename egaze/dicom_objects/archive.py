"""An archive of DICOM images that speaks DICOMweb (PS3.18)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset

from egaze.dicom_objects.bounded_session import BoundedSession
from egaze.dicom_objects.quiet import quiet
from egaze.dicom_objects.write import encoded
from egaze.errors import ArchiveError
from egaze.imaging.limits import max_radiograph_bytes

_SOP_CLASS, _SOP_INSTANCE, _SERIES, _STUDY = "00080016", "00080018", "0020000E", "0020000D"
_PAGE, _MOST_INSTANCES = 1000, 50_000
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")


@dataclass(frozen=True, slots=True)
class Instance:
    """An object in the archive."""

    sop_class_uid: str
    series_uid: str
    sop_instance_uid: str


class Archive:
    """A DICOMweb server, of which studies are read and in which results are stored.

    Its errors name the address as given and what went wrong, but no UID, name or password.

    Args:
        url: where its services begin, such as "https://pacs.example/dicom-web".
        user_password: for HTTP's basic authentication, or None for none.
        ca_file: PEM file of certificates that are trusted instead of the system's.
        timeout_s: how long the server may be silent; a transfer may take 20 times as long.

    Raises:
        ArchiveError: an address that is none, or holds a password.
    """

    def __init__(
        self,
        url: str,
        user_password: tuple[str, str] | None = None,
        ca_file: Path | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        require_url(url)
        self.url = url
        self._timeout_s = timeout_s
        session = BoundedSession(max_radiograph_bytes(), timeout_s)
        session.auth = _Basic(*user_password) if user_password is not None else None
        session.verify = True if ca_file is None else str(ca_file)
        with self._errors("cannot be used"):
            self._client = DICOMwebClient(url, session=session, timeout=timeout_s)
            # Whoever asks again decides whether to.
            self._client.set_http_retry_params(retry=False)

    def instances(self, study_uid: str) -> list[Instance]:
        """List the objects of a study, in the order in which the archive names them.

        Raises:
            ArchiveError: the archive does not know the study, or an error of the connection.
        """
        found: dict[str, Instance] = {}
        while len(found) <= _MOST_INSTANCES:
            page = self._search(study_uid, limit=_PAGE, offset=len(found))
            new = {instance.sop_instance_uid: instance for instance in page} if page else {}
            if new.keys() <= found.keys():
                break
            found |= new
        else:
            raise ArchiveError(f"{self.url}: the study has more than {_MOST_INSTANCES} objects")
        if not found:
            raise ArchiveError(f"{self.url}: has no objects of this study")
        return list(found.values())

    def retrieve(self, study_uid: str, instance: Instance, path: Path) -> None:
        """Write one object to a file, in the transfer syntax in which the archive has it.

        Raises:
            ArchiveError: the archive sends another object or none, or an error of the connection.
        """
        with self._errors("sent other than DICOM"):
            dataset = self._client.retrieve_instance(
                study_uid,
                instance.series_uid,
                instance.sop_instance_uid,
                media_types=(("application/dicom", "*"),),
            )
            sent = (str(dataset.get("StudyInstanceUID", "")), str(dataset.get("SOPInstanceUID", "")))
            content = encoded(dataset)
        if sent != (study_uid, instance.sop_instance_uid):
            raise ArchiveError(f"{self.url}: sent another object than the one asked for")
        path.write_bytes(content)

    def holds(self, dataset: Dataset) -> bool:
        """Whether the archive has an object of this UID in its study.

        Raises:
            ArchiveError: an error of the connection.
        """
        uid = str(dataset.SOPInstanceUID)
        found = self._search(str(dataset.StudyInstanceUID), search_filters={"SOPInstanceUID": uid})
        return any(instance.sop_instance_uid == uid for instance in found)

    def store(self, dataset: Dataset) -> None:
        """Store an object, and see that it is there.

        Raises:
            ArchiveError: the archive does not take it, or an error of the connection.
        """
        with self._errors("answered other than DICOM to what was stored", storing=True):
            answer = self._client.store_instances([dataset], study_instance_uid=str(dataset.StudyInstanceUID))
            refused = [int(item.get("FailureReason", 0)) for item in answer.get("FailedSOPSequence") or []]
        if refused:
            raise ArchiveError(f"{self.url}: did not store an object (reason {refused[0]:#06x} of PS3.18)")
        if not self.holds(dataset):
            raise ArchiveError(f"{self.url}: took an object, but does not have it")

    def _search(self, study_uid: str, **query: Any) -> list[Instance]:
        with self._errors("answered other than DICOM to a search"):
            return [_instance(item) for item in self._client.search_for_instances(study_uid, **query)]

    @contextmanager
    def _errors(self, otherwise: str, *, storing: bool = False) -> Iterator[None]:
        """Turn errors of the connection and of the libraries into one line that quotes nothing they say."""
        try:
            with quiet():
                yield
        except ArchiveError as error:
            raise ArchiveError(f"{self.url}: {error}") from error.__cause__
        except requests.HTTPError as error:
            raise ArchiveError(f"{self.url}: {_refusal(error, storing=storing)}") from error
        except requests.exceptions.SSLError as error:
            raise ArchiveError(
                f"{self.url}: its certificate is not trusted; give that of the archive or of its issuer by --ca"
            ) from error
        except requests.Timeout as error:
            raise ArchiveError(f"{self.url}: did not answer within {self._timeout_s:g} s") from error
        except requests.exceptions.ChunkedEncodingError as error:
            raise ArchiveError(f"{self.url}: broke off the transfer") from error
        except requests.ConnectionError as error:
            late = "timed out" in str(error)
            what = f"did not answer within {self._timeout_s:g} s" if late else "cannot be reached, or broke off"
            raise ArchiveError(f"{self.url}: {what}") from error
        except MemoryError:
            raise
        except Exception as error:  # the libraries raise many classes on an answer that is none
            raise ArchiveError(f"{self.url}: {otherwise} ({type(error).__name__})") from error


def require_url(url: str) -> None:
    """Check that an address is one, and holds no password, which everybody on the machine could see.

    Raises:
        ArchiveError: otherwise.
    """
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fits = False
    if not fits or not url.isprintable() or parts.query or parts.fragment:
        raise ArchiveError("the archive's address must begin with http:// or https:// and name a server")
    if parts.username is not None or parts.password is not None:
        raise ArchiveError("the archive's address must hold no user or password, which others could see; give --user")


class _Basic(requests.auth.AuthBase):
    """HTTP's basic authentication in UTF-8 (RFC 7617), which requests would encode in Latin-1."""

    def __init__(self, user: str, password: str) -> None:
        self._basic = requests.auth.HTTPBasicAuth(user.encode(), password.encode())

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return self._basic(request)


def _instance(item: dict[str, Any]) -> Instance:
    def uid(tag: str) -> str:
        (value,) = item[tag]["Value"]
        if not isinstance(value, str) or len(value) > 64 or not _UID.fullmatch(value):
            raise ValueError("no UID")
        return value

    return Instance(uid(_SOP_CLASS), uid(_SERIES), uid(_SOP_INSTANCE))


def _refusal(error: requests.HTTPError, *, storing: bool) -> str:
    status = 0 if error.response is None else error.response.status_code
    if status == 401 or (status == 403 and not storing):
        return f"refuses the user or the password (HTTP {status})"
    if storing and status in (403, 405, 501):
        return f"does not allow storing (HTTP {status})"
    if status == 404:
        return "has no such study, or is no DICOMweb server (HTTP 404)"
    return f"answered with HTTP {status}"
