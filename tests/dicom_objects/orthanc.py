"""An archive for tests: Orthanc with its DICOMweb plug-in on the loopback address, with a password."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

USER, PASSWORD = "reader", "zyxw-secret-4711"
_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@contextmanager
def orthanc(folder: Path):
    """Run an empty archive in a folder; yields where its DICOMweb services begin."""
    program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
    if program is None or not _PLUGIN.exists():
        pytest.skip("Orthanc with its DICOMweb plug-in is not installed (orthanc, orthanc-dicomweb)")
    folder.mkdir()
    http_port, dicom_port = _free_ports(2)
    settings = {
        "Name": "test",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "index"),
        "Plugins": [str(_PLUGIN)],
        "HttpPort": http_port,
        "DicomPort": dicom_port,
        "HttpBindAddresses": ["127.0.0.1"],
        "RemoteAccessAllowed": False,
        "DicomServerEnabled": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    log = (folder / "log.txt").open("wb")
    process = subprocess.Popen([program, folder / "settings.json"], stdout=log, stderr=log)
    try:
        _wait(process, http_port, folder / "log.txt")
        yield f"http://127.0.0.1:{http_port}/dicom-web"
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


def put(url: str, path: Path) -> None:
    """Give a file to an archive."""
    request = urllib.request.Request(url.replace("/dicom-web", "/instances"), path.read_bytes(), _headers())
    with _opener().open(request, timeout=30) as answer:
        assert answer.status == 200


def stored(url: str) -> list[dict]:
    """The main tags of all objects that an archive has, by their names."""
    address = url.replace("/dicom-web", "/instances?expand")
    with _opener().open(urllib.request.Request(address, headers=_headers()), timeout=30) as answer:
        return [item["MainDicomTags"] for item in json.load(answer)]


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for the loopback address: (with its key, alone)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(private + public)
    (folder / "certificate.pem").write_bytes(public)
    return folder / "both.pem", folder / "certificate.pem"


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _headers() -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _wait(process: subprocess.Popen, port: int, log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            pytest.fail(f"Orthanc ended: {log.read_text()[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"Orthanc does not answer: {log.read_text()[-2000:]}")
