"""No patient data leaks: planted identities are in nothing that any command writes."""

import importlib.util
import logging
import re
import shutil
import sys
import zipfile
from importlib.util import find_spec

import polars as pl
import pydicom
import pytest
from conftest import TINY
from leaks import leaks
from pydicom.uid import generate_uid

from egaze.cli import main

#: DICOM's identity fields, and what they hold in every radiograph.
IDENTITY = {
    "PatientName": "QUILLFEATHER^ZEBEDIAH",
    "PatientID": "PTID-7731AX",
    "OtherPatientIDs": "OTHER-5582BY",
    "PatientBirthDate": "19431217",
    "PatientAddress": "14 Wobblestone Lane",
    "PatientTelephoneNumbers": "555-0182-7734",
    "PatientMotherBirthName": "GRIMBLESHANK",
    "AccessionNumber": "ACC5591237",
    "InstitutionName": "St Zoltan Infirmary",
    "InstitutionAddress": "Plumduff Square",
    "ReferringPhysicianName": "OBERHOLZER^KUNIGUNDE",
    "PerformingPhysicianName": "VANDERSNOOT^IGNATIUS",
    "OperatorsName": "TWEEDLEBURY^ODO",
    "PatientComments": "keeps ferrets named Biscuit",
    "StationName": "ROOM-77-ZOLTAN",
    "DeviceSerialNumber": "SN-448800-XQ",
    "StudyID": "STUDY-90210-K",
    "StudyInstanceUID": generate_uid(entropy_srcs=["study"]),
    "SOPInstanceUID": generate_uid(entropy_srcs=["instance"]),
}
#: What the DICOM objects of a prediction carry of these, and nothing else does.
CARRIED = {"QUILLFEATHER", "ZEBEDIAH", "OBERHOLZER"} | {
    IDENTITY[field]
    for field in (
        *("PatientName", "PatientID", "PatientBirthDate", "StudyID", "AccessionNumber", "ReferringPhysicianName"),
        *("StudyInstanceUID", "SOPInstanceUID"),
    )
}
#: Parts of these as they would be found alone, and words of the tables' free text.
WORDS = [
    "QUILLFEATHER",
    "ZEBEDIAH",
    "OBERHOLZER",
    "VANDERSNOOT",
    "TWEEDLEBURY",
    "Wobblestone",
    "Biscuit",
    "Thistlewick",
]


def test_the_search_finds_what_there_is(tmp_path):
    (tmp_path / "a.txt").write_text("Mr Quillfeather")
    (tmp_path / "b.bin").write_bytes(b"xx" + "QUILLFEATHER".encode("utf-16-le"))
    pl.DataFrame({"name": ["QUILLFEATHER"] * 500}).write_parquet(tmp_path / "c.parquet", compression="zstd")
    with zipfile.ZipFile(tmp_path / "d.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data", "QUILLFEATHER" * 9)
    (tmp_path / "e.html").write_text('<html><img src="data:image/png;base64,UVVJTExGRUFUSEVS">')
    (tmp_path / "f_quillfeather.png").touch()
    (tmp_path / "g.json").write_text('{"patient": 19431217, "auc": 0.19431217, "big": 1943121799}')
    (tmp_path / "i.bin").write_bytes("19431217".encode("utf-16-be"))
    (tmp_path / "h.json").write_text('{"auc": 0.77310042}')
    found = leaks(["QUILLFEATHER", "19431217", "77310042"], [tmp_path])
    assert [re.sub(r" in .*/", " ", line) for line in sorted(found)] == [
        "19431217 g.json",
        "19431217 i.bin",
        *(f"QUILLFEATHER {name}" for name in ("a.txt", "b.bin", "c.parquet", "d.pt", "e.html", "f_quillfeather.png")),
    ]


@pytest.fixture
def planted(twin, tmp_path):
    """The twin with identities in every radiograph and in the tables; returns (its folder, all words that identify)."""
    folder = tmp_path / "source"
    shutil.copytree(twin.out, folder)
    identifiers = set()
    for path in sorted(folder.rglob("*.dcm")):
        dataset = pydicom.dcmread(path)
        identifiers |= {str(dataset.PatientID), str(dataset.StudyID)}
        for field, value in IDENTITY.items():
            setattr(dataset, field, value)
        dataset.private_block(0x0011, "EGAZE TEST", create=True).add_new(1, "LO", "Thistlewick")
        dataset.save_as(path)
        identifiers |= set(path.relative_to(folder / "images").parts[2:-1])
    sheet = pl.read_csv(folder / "gaze" / "master_sheet.csv", infer_schema=False)
    sheet = sheet.with_columns(cxr_exam_indication=pl.lit("Mr Quillfeather of Wobblestone Lane, with cough"))
    sheet.write_csv(folder / "gaze" / "master_sheet.csv")
    for column in ("patient_id", "study_id", "stay_id"):
        identifiers |= set(sheet[column].drop_nulls())
    # Case ids are the radiographs' own and are meant to be told.
    return folder, {*IDENTITY.values(), *WORDS, *identifiers} - {""} - set(sheet["dicom_id"])


# SQLAlchemy warns of how MLflow uses it.
@pytest.mark.filterwarnings("ignore:The ``noload``", "ignore:::sqlalchemy", "ignore:::mlflow")
def test_nothing_identifies_a_patient(planted, tmp_path, monkeypatch, capfd, caplog):
    source, words = planted
    out = tmp_path / "written"
    out.mkdir()
    monkeypatch.chdir(out)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    caplog.set_level(logging.DEBUG)
    told, number = {}, 0

    def egaze(*arguments, code=0):
        """Run the program, keeping what it says."""
        nonlocal number
        monkeypatch.setattr(sys, "argv", ["egaze", "-vv", *map(str, arguments)])
        caplog.clear()
        logging.getLogger("egaze").debug("listening")
        try:
            main()
            ended = 0
        except SystemExit as ending:
            ended = ending.code
        said = capfd.readouterr()
        assert ended == code, said.err
        number += 1
        (out / f"{number}.log").write_text(caplog.text)
        (out / f"{number}.out").write_text(said.out)
        (out / f"{number}.err").write_text(said.err)
        told[arguments[0]] = said
        return said

    radiographs = sorted(source.rglob("*.dcm"))
    whole = radiographs[0].read_bytes()
    cut, text, gone = radiographs[5], radiographs[6], radiographs[7]
    cut.write_bytes(cut.read_bytes()[:3000])
    text.write_bytes(f"{IDENTITY['PatientName']} was here, and {IDENTITY['PatientID']}".encode())
    gone.unlink()
    folders = ("--gaze", source / "gaze", "--images", source / "images")

    # A list of radiographs that cannot be read is for who has to mend them, and tells where they are.
    with_paths = [egaze("prepare", "egd-cxr", *folders, "--out", "study", "--size", 48, "--workers", 2)]
    assert with_paths[0].err.count("\n") == 4 and "45 cases" in with_paths[0].out
    with_paths.append(
        egaze("prepare", "egd-cxr", *folders, "--out", "strict", "--size", 48, "--workers", 1, "--strict", code=1)
    )
    assert (out / ".strict.partial" / "journal.jsonl").stat().st_size > 1000
    for count, said in enumerate(with_paths, start=1):
        paths = re.compile("|".join(re.escape(str(path)) for path in (cut, text, gone)))
        (out / f"{count}.err").write_text(paths.sub("PATH", said.err))

    damaged = source / "damaged"
    shutil.copytree(source / "gaze", damaged)
    rows = (damaged / "fixations.csv").read_text().splitlines()
    cells = rows[3].split(",")
    cells[rows[0].split(",").index("FPOGD")] = "soon"
    (damaged / "fixations.csv").write_text("\n".join([*rows[:3], ",".join(cells), *rows[4:]]) + "\n")
    failed = egaze("prepare", "egd-cxr", "--gaze", damaged, *folders[2:], "--out", "none", code=1)
    assert "'FPOGD'" in failed.err and "'soon'" in failed.err

    egaze("study", "show", "study")
    egaze("study", "verify", "study")
    egaze("study", "split", "study", "--seed", 42)
    loggers = (f"--logger={name}" for name in ("tensorboard", "mlflow") if importlib.util.find_spec(name))
    egaze("train", "study", "--out", "run", "--device", "cpu", *(f"--set={item}" for item in TINY), *loggers)
    egaze("evaluate", "run")
    egaze("report", "run")
    for model in ("model.pt", "model.onnx"):
        egaze("export", "run", model)
        egaze("check", model)
    egaze("share", "run", "--to", "shared")
    egaze("fetch", "shared", "fetched.pt")
    # `predict` repeats the paths that it is given, so these have names that say nothing.
    (source / "neutral").mkdir()
    for name, content in (("good.dcm", whole), ("cut.dcm", whole[:3000]), ("text.dcm", text.read_bytes())):
        (source / "neutral" / name).write_bytes(content)
    neutral = sorted((source / "neutral").iterdir())
    answers = egaze("predict", "model.pt", *neutral, "--json", "--out", "maps", code=1)
    assert answers.out.count('"class_probs"') == 1 and answers.out.count('"error"') == 2

    # Objects of the study are for an archive, which has to find its patient in them.
    objects = tmp_path / "objects"
    kinds = (f"--dicom={kind}" for kind in ("sc", "seg", "pm", "sr") if kind == "sc" or find_spec("highdicom"))
    egaze("predict", "model.pt", source / "neutral" / "good.dcm", "--dicom-out", objects, *kinds)
    assert {line.partition(" in ")[0] for line in leaks(words, [objects])} == CARRIED

    written = {path.name for path in out.rglob("*") if path.is_file()}
    assert written >= {
        "study.json",
        "cases.parquet",
        "best.pt",
        "log.jsonl",
        "report.html",
        "model.pt",
        "model.onnx",
        "model.safetensors",
        "README.md",
        "good_heatmap.png",
    }
    assert all("listening" in (out / f"{count}.log").read_text() for count in range(1, number + 1))
    assert leaks(words, [out]) == []
    # They were there to be found.
    assert {line.partition(" in ")[0] for line in leaks(words, [source])} == words
