"""Uploading, with the hub's own client, to a server on this machine that answers as the hub does."""

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from egaze.cli import cli
from egaze.errors import EgazeError
from egaze.sharing import fetch_model, open_shared, upload

OID = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """A hub that keeps what is committed to it as `server.files`, all of it as ordinary files of git."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(self.path)
        if self.server.refuses:
            return self.answer({"error": "this token may not write"}, 403)
        if self.path == "/api/repos/create":
            self.server.created.append(json.loads(body))
            return self.answer({"url": f"{self.server.address}/radiology/joint"})
        if self.path == "/api/validate-yaml":
            return self.answer({"errors": [], "warnings": []})
        if "/preupload/" in self.path:
            names = [file["path"] for file in json.loads(body)["files"]]
            modes = [{"path": name, "uploadMode": "regular", "shouldIgnore": False, "oid": None} for name in names]
            return self.answer({"files": modes})
        assert re.fullmatch("/api/models/radiology/joint/commit/main", self.path), self.path
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                self.server.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        commit = f"{self.server.address}/radiology/joint/commit/{OID}"
        return self.answer({"commitOid": OID, "commitUrl": commit, "success": True})

    def do_GET(self):
        self.server.asked.append(self.path)
        self.answer({"id": "radiology/joint", "sha": OID, "siblings": []})

    def answer(self, content, status=200):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def hub(monkeypatch):
    """A server that the client takes for the hub."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.address = f"http://127.0.0.1:{server.server_port}"
    server.files, server.created, server.asked, server.refuses = {}, [], [], False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.address)
    monkeypatch.setattr("huggingface_hub.hf_api.get_token", lambda: None, raising=False)
    monkeypatch.setenv("HF_TOKEN", "hf_made_up_for_this_test")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_what_is_uploaded_is_the_shared_model_and_can_be_fetched(hub, run, tmp_path):
    done = CliRunner().invoke(cli, ["share", str(run.path), "--to", str(tmp_path / "out"), "--hub", "radiology/joint"])
    assert done.exit_code == 0, done.output
    assert "no licence of the weights is stated" in done.stderr
    (created,) = hub.created
    assert created.get("private") is True or created.get("visibility") == "private"
    assert hub.files == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    (tmp_path / "down").mkdir()
    for name, content in hub.files.items():
        (tmp_path / "down" / name).write_bytes(content)
    assert fetch_model(open_shared(tmp_path / "down"), tmp_path / "model.pt").recipe == "joint"


def test_other_files_stay_here(hub, run, shared_folder, tmp_path):
    for path in shared_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "patients.csv").write_text("mine")
    upload(tmp_path, "radiology/joint")
    assert "README.md" in hub.files and "patients.csv" not in hub.files


def test_a_hub_that_refuses_is_one_line_and_the_folder_stays(hub, run, tmp_path):
    hub.refuses = True
    done = CliRunner().invoke(cli, ["share", str(run.path), "--to", str(tmp_path / "out"), "--hub", "radiology/joint"])
    said = str(done.exception)
    assert isinstance(done.exception, EgazeError) and "\n" not in said and "made_up" not in said
    assert said.startswith("radiology/joint: not uploaded: ") and f"the model is in {tmp_path / 'out'}" in said
    assert open_shared(tmp_path / "out").recipe.name == "joint"


def test_a_hub_that_is_not_there(hub, shared_folder, monkeypatch):
    hub.shutdown()
    hub.server_close()
    with pytest.raises(EgazeError, match="radiology/joint: not uploaded: "):
        upload(shared_folder, "radiology/joint")


@pytest.mark.parametrize("name", ["joint", "a/b/c", "../joint", "radiology/", "radiology/jo int"])
def test_a_name_that_no_repository_has_is_refused_before_work(name, hub, run, tmp_path):
    done = CliRunner().invoke(cli, ["share", str(run.path), "--to", str(tmp_path / "out"), "--hub", name])
    assert isinstance(done.exception, EgazeError) and "is not the name of a repository" in str(done.exception)
    assert not (tmp_path / "out").exists() and hub.asked == []


def test_what_is_not_a_shared_model_is_not_uploaded(hub, tmp_path):
    with pytest.raises(EgazeError, match="not a shared model"):
        upload(tmp_path, "radiology/joint")
    assert hub.asked == []
