import numpy as np
import pytest
from click.testing import CliRunner

from egaze.cli import cli
from egaze.errors import TableError
from egaze.evaluation import evaluate
from egaze.metrics import model_kappa_ci, readers_kappa_ci


def write(path, rows):
    lines = ["case_id,reader_id,chf,opacity", *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_readers_agree_with_each_other_and_the_model_with_them(findings_run, findings_study, tmp_path):
    generator, ids = np.random.default_rng(0), findings_study.case_ids
    cases = findings_study.splits.indices("train")
    said = generator.integers(0, 2, (len(ids), 3))
    said[:, 1] = np.where(generator.random(len(ids)) < 0.8, said[:, 0], 1 - said[:, 0])
    # The third reader is unsure of some and says nothing of the opacity.
    third = ["-1" if number % 4 == 0 else said[number, 2] for number in range(len(ids))]
    rows = [(case_id, f"r{reader}", said[number, reader], 1) for number, case_id in enumerate(ids) for reader in (0, 1)]
    rows += [(case_id, "r2", third[number], "") for number, case_id in enumerate(ids)]
    path = write(tmp_path / "readers.csv", rows)
    evaluation = evaluate(findings_run, split="train", readers=path, out=tmp_path / "out", threads=1)
    found = evaluation.metrics.readers
    assert found.readers == 3 and list(found.classes) == ["chf", "opacity", "odd"]
    table = said[cases].astype(float)
    table[cases % 4 == 0, 2] = np.nan
    patients = findings_study.patients[cases]
    expected = readers_kappa_ci(table, patients)
    assert found.classes["chf"].readers == expected and found.classes["chf"].cases == len(cases)
    (point, _) = evaluation.metrics.classification.classes["chf"].operating_points
    called = evaluation.predictions["prob_chf"].to_numpy() >= point.thresholds[0]
    assert found.classes["chf"].model == model_kappa_ci(called, table, patients)
    assert found.classes["chf"].model_calls == "Youden, chosen on validation"
    # All say the same, or nothing.
    assert found.classes["opacity"].readers is None and found.classes["odd"].cases == 0
    assert any(note.startswith("opacity, readers: all say the same") for note in evaluation.metrics.warnings)
    words = [
        "evaluate",
        str(findings_run.path),
        "--split",
        "train",
        "--readers",
        str(path),
        "--out",
        str(tmp_path / "b"),
    ]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0 and "kappa of 3 readers" in done.output and f"{expected.value:.3f}" in done.output


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("nobody", "r", 1, 0)], r"readers\.csv: record 1: no case 'nobody' in the study"),
        ([("case-0", "r", 1, 0), ("case-0", "r", 1, 0)], "record 1: reader 'r' labels case 'case-0' more than once"),
        ([("case-0", "r", 1, 7)], "record 1, column 'opacity' holds '7'"),
        ([("case-0", "", 1, 0)], "record 1, column 'reader_id' is empty"),
    ],
)
def test_bad_readings(findings_run, tmp_path, rows, message):
    path = write(tmp_path / "readers.csv", rows)
    with pytest.raises(TableError, match=message):
        evaluate(findings_run, readers=path, out=tmp_path / "out", threads=1)
    path.write_text("case_id,reader_id,hernia\ncase-0,r,1\n")
    with pytest.raises(TableError, match="has no column of a class; the classes are chf, opacity, odd"):
        evaluate(findings_run, readers=path, out=tmp_path / "out", threads=1)
