"""`egaze pacs` with a real archive, and with one that answers badly."""

import json
import re

import numpy as np
import pydicom
import pytest
from dicom_objects.bad_server import bad_server, cut_short, cut_silently, is_retrieval, is_search, late, trickling
from dicom_objects.conftest import INSTANCE, SHAPE, STUDY, save, write_radiograph
from dicom_objects.orthanc import PASSWORD, USER, orthanc, put, self_signed, stored
from dicom_objects.test_objects import egaze, require_highdicom

pytest.importorskip("dicomweb_client", reason="the extra egaze[pacs] is not installed")

#: What no message may hold.
SECRETS = (PASSWORD, "Secret", "secret-id", "SECRETACC", STUDY, INSTANCE)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """An archive whose study has a frontal and a lateral radiograph and a picture of a knee, and a study with none."""
    folder = tmp_path_factory.mktemp("orthanc")
    other = {"SeriesInstanceUID": "1.2.3.4.6"}
    radiographs = [
        write_radiograph(folder / "frontal.dcm", BodyPartExamined="CHEST", ViewPosition="PA"),
        write_radiograph(folder / "lateral.dcm", SOPInstanceUID="1.2.3.7", ViewPosition="LL", **other),
        write_radiograph(folder / "knee.dcm", SOPInstanceUID="1.2.3.8", BodyPartExamined="KNEE", **other),
        write_radiograph(
            folder / "ct.dcm",
            SOPInstanceUID="1.2.9.7",
            StudyInstanceUID="1.2.9",
            SeriesInstanceUID="1.2.9.1",
            SOPClassUID="1.2.840.10008.5.1.4.1.1.2",
        ),
    ]
    with orthanc(folder / "archive") as url:
        for path in radiographs:
            put(url, path)
        yield url


@pytest.fixture(autouse=True)
def password(monkeypatch, tmp_path):
    monkeypatch.setenv("EGAZE_PACS_PASSWORD", PASSWORD)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)


@pytest.fixture
def pacs(model_path, monkeypatch, capfd):
    """Run the command for the study; returns (exit code, stdout, stderr), which hold no secret."""

    def run(url, *words, study=STUDY, user=("--user", USER), model=model_path):
        found = egaze(monkeypatch, capfd, "-vv", "pacs", url, "--study", study, "--model", model, *user, *words)
        for secret in SECRETS:
            assert secret not in found[1] + found[2]
        return found

    return run


def test_a_study_is_predicted_and_its_results_stored_once(pacs, archive, tmp_path):
    before = len(stored(archive))
    code, said, errors = pacs(archive)
    assert (code, errors) == (0, "") and len(stored(archive)) == before
    lines = sorted(said.splitlines(), key=lambda line: line.partition(": ")[2])
    assert re.fullmatch(r"radiograph \d of 3: left out: it is a lateral view", lines[0])
    assert re.fullmatch(r"radiograph \d of 3: left out: it shows another part of the body than the chest", lines[1])
    assert re.fullmatch(r"radiograph \d of 3: normal 0\.\d{4}  chf 0\.\d{4}  pneumonia 0\.0000", lines[2])

    kinds = ("sc",)
    try:
        require_highdicom()
        kinds = ("sc", "seg", "pm", "sr")
    except pytest.skip.Exception:
        pass
    words = [f"--dicom={kind}" for kind in kinds]
    code, said, errors = pacs(archive, "--store", *words, "--dicom-out", tmp_path / "out")
    assert (code, errors) == (0, "") and f"(stored: {', '.join(kinds)})" in said
    there = stored(archive)
    assert len(there) == before + len(kinds)
    code, said, _ = pacs(archive, "--store", *words)
    assert code == 0 and f"(already there: {', '.join(kinds)})" in said and "stored:" not in said
    assert sorted(item["SOPInstanceUID"] for item in stored(archive)) == sorted(
        item["SOPInstanceUID"] for item in there
    )
    # What is stored is what is written to files.
    written = {str(pydicom.dcmread(path).SOPInstanceUID) for path in (tmp_path / "out").glob("*.dcm")}
    assert len(written) == len(kinds) and written <= {item["SOPInstanceUID"] for item in there}


def unchanged(handler, method, path, answer):
    return answer


def test_a_study_over_tls(pacs, archive, tmp_path):
    both, certificate = self_signed(tmp_path)
    with bad_server(archive, unchanged, both) as (url, seen):
        code, _, errors = pacs(url)
        assert code == 1 and errors == (
            f"egaze: error: {url}: its certificate is not trusted; give that of the archive or of its issuer by --ca\n"
        )
        assert seen == []
        code, said, errors = pacs(url, "--ca", certificate)
        assert (code, errors) == (0, "") and "normal" in said
    code, _, errors = pacs(url, "--ca", tmp_path / "none.pem")
    assert code == 1 and errors == f"egaze: error: {tmp_path / 'none.pem'}: there is no such file\n"


def test_passwords(pacs, archive, tmp_path, monkeypatch):
    monkeypatch.setenv("EGAZE_PACS_PASSWORD", "wrong-zyxw")
    code, said, errors = pacs(archive, "--store")
    assert (code, said) == (1, "")
    assert errors == f"egaze: error: {archive}: refuses the user or the password (HTTP 401)\n"
    code, _, errors = pacs(archive, user=())
    assert code == 1 and errors == "egaze: error: EGAZE_PACS_PASSWORD is set: give the name for it by --user\n"

    monkeypatch.delenv("EGAZE_PACS_PASSWORD")
    code, _, errors = pacs(archive)
    assert code == 1 and errors.startswith("egaze: error: there is no password for --user: set EGAZE_PACS_PASSWORD")
    assert pacs(archive, user=())[0] == 1
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert pacs(archive)[0] == pacs(archive, user=())[0] == 0
    assert pacs(archive, user=("--user", "other"))[0] == 1
    (tmp_path / ".netrc").write_text("nonsense " + PASSWORD)
    code, _, errors = pacs(archive, user=())
    assert code == 1 and "cannot be read as a netrc file" in errors and errors.count("\n") == 1


def other_than_dicom(handler, method, path, answer):
    page = b"<html>Welcome</html>"
    return (200, {"Content-Type": "text/html"}, page) if is_retrieval(method, path) else answer


def damaged_object(handler, method, path, answer):
    boundary = b"xyz"
    body = b"--xyz\r\nContent-Type: application/dicom\r\n\r\nnot DICOM\r\n--xyz--\r\n"
    kind = f'multipart/related; type="application/dicom"; boundary={boundary.decode()}'
    return (200, {"Content-Type": kind}, body) if is_retrieval(method, path) else answer


def list_of_nothing_known(handler, method, path, answer):
    return (200, answer[1], json.dumps([{"00080018": 3}]).encode()) if is_search(method, path) else answer


def no_json(handler, method, path, answer):
    return (200, answer[1], b"<xml/>") if is_search(method, path) else answer


def error_500(handler, method, path, answer):
    return (500, answer[1], b"Secret^Name") if is_retrieval(method, path) else answer


def elsewhere(handler, method, path, answer):
    return (302, {"Location": "http://127.0.0.1:1/"}, b"")


def another_object(handler, method, path, answer):
    if not is_retrieval(method, path):
        return answer
    status, headers, body = answer
    return status, headers, body.replace(STUDY.encode() + b"\0", b"1.2.3.5\0")


def too_much(handler, method, path, answer):
    return (200, answer[1], b"x" * 3_000_000) if is_retrieval(method, path) else answer


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (cut_short, "broke off the transfer"),
        (cut_silently, "broke off the transfer"),
        (late, "did not answer within 0.5 s"),
        (trickling, "has not sent its answer within 2 s"),
        (other_than_dicom, "sent other than DICOM (ValueError)"),
        (damaged_object, "sent other than DICOM (InvalidDicomError)"),
        (list_of_nothing_known, "answered other than DICOM to a search (KeyError)"),
        (no_json, "answered other than DICOM to a search (JSONDecodeError)"),
        (error_500, "answered with HTTP 500"),
        (elsewhere, "leads to another address; give that one"),
        (another_object, "sent another object than the one asked for"),
        (too_much, "sends more than 1100000 bytes for one answer"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_bad_answers_give_one_line_and_store_nothing(pacs, archive, monkeypatch, fault, message):
    if fault is too_much:
        monkeypatch.setattr("egaze.dicom_objects.archive.max_radiograph_bytes", lambda: 1_100_000)
    before = stored(archive)
    monkeypatch.setattr("egaze.dicom_objects.bounded_session._LONGEST_TRANSFER", 2)
    timeout = "1" if fault is trickling else "0.5" if fault is late else "20"
    with bad_server(archive, fault) as (url, seen):
        code, said, errors = pacs(url, "--store", "--timeout", timeout)
    assert (code, said) == (1, "")
    assert errors == f"egaze: error: {url}: {message}\n"
    assert not any(request.startswith("POST") for request in seen)
    assert stored(archive) == before


def refused(handler, method, path, answer):
    return (405, answer[1], b"") if method == "POST" else answer


def failed(handler, method, path, answer):
    if method != "POST":
        return answer
    item = {"00081197": {"vr": "US", "Value": [0xA700]}}
    body = json.dumps({"00081198": {"vr": "SQ", "Value": [item]}}).encode()
    return 200, {"Content-Type": "application/dicom+json"}, body


def forgotten(handler, method, path, answer):
    if is_search(method, path) and "SOPInstanceUID=" in path:
        return 200, answer[1], b"[]"
    return answer


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (refused, "does not allow storing (HTTP 405)"),
        (failed, "did not store an object (reason 0xa700 of PS3.18)"),
        (forgotten, "took an object, but does not have it"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_archives_that_do_not_store(pacs, archive, tmp_path, fault, message):
    model = save(tmp_path / "model.pt", recipe=fault.__name__)  # of which the archive has no objects yet
    with bad_server(archive, fault) as (url, _):
        code, _, errors = pacs(url, "--store", model=model)
    assert code == 1 and errors == f"egaze: error: {url}: {message}\n"


def test_a_store_that_broke_off_is_completed_without_a_second_copy(pacs, archive, tmp_path):
    """The archive has the object, but its answer was lost."""
    lost = []

    def hang_up(handler, method, path, answer):
        if method != "POST":
            return answer
        lost.append(path)
        handler.connection.close()
        return None

    def uids():
        return sorted(item["SOPInstanceUID"] for item in stored(archive))

    model = save(tmp_path / "model.pt", recipe="interrupted")
    with bad_server(archive, hang_up) as (url, _):
        code, _, errors = pacs(url, "--store", model=model)
    assert lost and code == 1
    assert errors == f"egaze: error: {url}: cannot be reached, or broke off\n"
    between = uids()
    code, said, _ = pacs(archive, "--store", model=model)
    assert code == 0 and "(already there: sc)" in said and uids() == between


@pytest.mark.parametrize(
    ("study", "message"),
    [("1.2.9", "none of the study's 1 objects is a radiograph to be shown"), ("1.2.8", "has no objects of this study")],
)
def test_studies_without_radiographs(pacs, archive, study, message):
    code, _, errors = pacs(archive, study=study)
    assert code == 1 and errors == f"egaze: error: {archive}: {message}\n"


def test_a_radiograph_that_cannot_be_read_does_not_stop_the_others(pacs, tmp_path):
    with orthanc(tmp_path / "archive") as url:
        put(url, write_radiograph(tmp_path / "good.dcm"))
        bad = write_radiograph(tmp_path / "bad.dcm", np.zeros(SHAPE, np.uint16), SOPInstanceUID="1.2.3.7")
        dataset = pydicom.dcmread(bad)
        dataset.BitsStored = 14
        dataset.HighBit = 12
        dataset.save_as(bad)
        put(url, bad)
        code, said, errors = pacs(url)
    assert code == 1 and said.count("\n") == 1 and "normal" in said
    first, last = errors.splitlines()
    assert re.fullmatch(r"egaze: error: radiograph \d of 2: 14 of 16 bits stored up to bit 12, expected .*", first)
    assert last == "egaze: error: 1 of 2 radiographs could not be predicted"


@pytest.mark.parametrize(
    ("url", "words", "code", "message"),
    [
        ("ftp://127.0.0.1", (), 1, "must begin with http:// or https://"),
        ("https://me:hidden@127.0.0.1/", (), 1, "must hold no user or password"),
        ("http://127.0.0.1:1/dicom-web", (), 1, "cannot be reached"),
        ("http://127.0.0.1:1/", ("--dicom", "sr"), 2, "need --store or --dicom-out"),
        ("http://127.0.0.1:1/", ("--timeout", "0"), 2, "--timeout"),
    ],
)
def test_wrong_usage(pacs, url, words, code, message):
    found = pacs(url, *words)
    assert found[0] == code and message in found[2] and "hidden" not in found[2]
    if code == 1:
        assert found[2].count("\n") == 1
