"""Hostile tables: each is read right, or refused in one line that says where, in bounded memory and time."""

import csv
import gzip
import io
import os
import subprocess
import sys
import zipfile

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from egaze.errors import TableError
from egaze.tables import read_table, records, scan_table, tell_dialect
from egaze.tables.delimited import inside, unknown_columns

COLUMNS = {"case_id": pl.String, "x_px": pl.Float64, "count": pl.Int64}
HEADER = "case_id,x_px,count,note\n"
GOOD = HEADER + "a,1.5,3,x\nb,2,4,y\n"


def read(tmp_path, content, columns=COLUMNS, **options):
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, columns, **options)


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r\r\n") + "\r\r\n",
        GOOD.removesuffix("\n"),
        GOOD.replace("\n", "\r\n").removesuffix("\r\n"),
        GOOD.replace("a,", '"a",').replace("case_id", '"case_id"').replace(",x\n", ',"x\r\n, ""z"""\n'),
        GOOD.replace("\nb", "\n\n\r\nb") + "\n\n",
        "\n\n" + GOOD,
        GOOD.replace("1.5,3", " 1.5 ,\t3 ").replace("case_id", " case_id "),
        GOOD.replace("2,4", "2e0,4.0"),
        GOOD.replace("x\n", "ünïcödé 心臓\n"),
    ],
)
def test_valid_tables_are_read(tmp_path, content):
    rows = read(tmp_path, content)
    assert rows.schema == COLUMNS
    assert rows.rows() == [("a", 1.5, 3), ("b", 2.0, 4)]


def test_the_dialect_is_told_and_said(tmp_path, caplog):
    semicolons = GOOD.replace(",", ";").replace("1.5", "1,5")
    tabs = 'case_id\tx_px\tcount\tnote\na\t1,5\t3\t5" wide\nb\t2\t4\ty\n'
    dialects = {
        semicolons.encode(): "UTF-8, semicolons, decimal commas",
        semicolons.encode("utf-8-sig"): "UTF-8 with a byte order mark, semicolons, decimal commas",
        semicolons.encode("utf-16"): "UTF-16 LE with a byte order mark, semicolons, decimal commas",
        b"\xfe\xff" + tabs.encode("utf-16-be"): "UTF-16 BE with a byte order mark, tabs, decimal commas",
        GOOD.encode("utf-16-le"): "UTF-16 LE, commas, decimal points",
        GOOD.replace(",", "|").encode(): "UTF-8, bars, decimal points",
        # A tab in each of the cells of a column, and semicolons in a note, do not cut it.
        GOOD.replace("x\n", "x;y;z\n").replace("1.5", '"1,5"').encode(): "UTF-8, commas, decimal commas",
    }
    for content, said in dialects.items():
        caplog.clear()
        assert read(tmp_path, content).rows() == [("a", 1.5, 3), ("b", 2.0, 4)], said
        assert [record.getMessage() for record in caplog.records] == [f"{tmp_path / 't.csv'}: read as {said}"]
    caplog.clear()
    read(tmp_path, "\ufeff" + GOOD)
    assert not caplog.records


def test_a_column_that_is_not_read_tells_the_decimal_mark(tmp_path):
    doubtful = GOOD.replace(",", ";").replace("1.5", "1,234")
    with pytest.raises(TableError, match="which can be 1.234 with a decimal comma or 1234"):
        read(tmp_path, doubtful)
    assert read(tmp_path, doubtful.replace(";y", ";3,58"))["x_px"].to_list() == [1.234, 2]


def test_lines_above_the_header_and_a_last_record_that_is_cut_off(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("Recorded: 1,2,3\n\n" + GOOD.replace("y\n", "y\nc,3"))
    dialect = tell_dialect(path, header_line=3)
    with pytest.raises(TableError, match="record 3 has 2 cells, the header has 4"):
        pl.concat(scan_table(path, COLUMNS, dialect=dialect))
    said = []
    assert len(pl.concat(scan_table(path, COLUMNS, dialect=dialect, on_cut=said.append))) == 2
    assert said == ["record 3, the last one, is cut off after 2 of 4 cells and left out"]
    path.write_text("Recorded: 1,2,3\n\n" + GOOD.replace("count", "number"))
    with pytest.raises(TableError, match=r"column 'count' is missing from the header \(line 3\)"):
        pl.concat(scan_table(path, COLUMNS, dialect=dialect))


def test_cells_under_no_name_may_be_missing_at_the_end(tmp_path):
    """The header of NIH's list of boxes ends in three commas that no record has."""
    trailing = GOOD.replace("note\n", "note,,\n")
    assert read(tmp_path, trailing).rows() == read(tmp_path, GOOD).rows()
    assert read(tmp_path, trailing.replace("y\n", "y,,\n")).rows() == read(tmp_path, GOOD).rows()
    for record, cells in (("b,2,y", 3), ("b,2,4,y,", 5), ("b,2,4,y,,,", 7)):
        with pytest.raises(TableError, match=f"record 2 has {cells} cells, the header has 6"):
            read(tmp_path, trailing.replace("b,2,4,y", record))


BAD = {
    "empty file": ("", "t.csv: cannot read the table: it is empty"),
    "blank lines only": ("\n\r\n\n", "it is empty"),
    "NUL in a cell": (GOOD.replace("b,", "b\0,"), "t.csv: record 2, column 'case_id' holds a NUL byte"),
    "NUL in the header": ("\0" + GOOD, r"the header \(line 1\), column 1 holds a NUL byte"),
    "Latin-1 in one record": (
        GOOD.encode().replace(b",y", b",\xe4\xf6y"),
        "record 2, column 'note' holds the byte 0xe4: not UTF-8 text",
    ),
    "half a character": (GOOD.encode().replace(b"y\n", b"\xe5\xbf\n"), "record 2, column 'note' holds the byte 0xe5"),
    "encoded surrogate": (GOOD.encode().replace(b"y\n", b"\xed\xa0\x80\n"), "record 2, .* holds the byte 0xed"),
    "old Mac line ends": (GOOD.replace("\n", "\r"), r"header \(line 1\), column 4 holds a carriage return without"),
    "a lone carriage return": (GOOD.replace("2,4", "2\r,4"), "record 2, column 'x_px' holds a carriage return"),
    "a cell missing": (GOOD.replace("2,4", "2"), "record 2 has 3 cells, the header has 4"),
    "a cell too many": (GOOD.replace("2,4", "2,4,5"), "record 2 has 5 cells, the header has 4"),
    "unclosed quote": (GOOD.replace("b,", '"b,'), "record 2 has a quote that is never closed"),
    "unclosed quote in the header": ('"' + GOOD, r"the header \(line 1\) has a quote that is never closed"),
    "quote inside a cell": (GOOD.replace("b,", 'b"c",'), "record 2, column 'case_id' holds a quote that neither"),
    "text after a quote": (GOOD.replace("b,", '"b"c,'), "record 2, column 'case_id' holds a quote that neither"),
    "header twice": (GOOD + GOOD, "record 3 repeats the header"),
    "column twice": (GOOD.replace("note", "x_px"), r"column 'x_px' occurs twice in the header \(line 1\)"),
    "no header": (
        "a,1.5,3,x\nb,2,4,y\n",
        r"columns 'case_id', 'x_px', 'count' are missing from the header \(line 1\): is line 1",
    ),
    "gzip": (gzip.compress(GOOD.encode()), "it is a gzip file; unpack it first"),
    "Parquet": (b"PAR1\x15\x04", "it is a Parquet file"),
    "too large": (GOOD.replace("1.5", "1e400"), "record 1, column 'x_px' holds '1e400', expected a number"),
    "beyond float32": (GOOD.replace("1.5", "-1e39"), "record 1, column 'x_px' holds '-1e39', expected a number"),
    "nan": (GOOD.replace("1.5", "nan"), "record 1, column 'x_px' holds 'nan', expected a number"),
    "infinity": (GOOD.replace("1.5", "-inf"), "holds '-inf', expected a number"),
    "hexadecimal": (GOOD.replace("1.5", "0x10"), "record 1, column 'x_px' holds '0x10', expected a number"),
    "a comma between thousands": (GOOD.replace("1.5", '"1,234"').replace("2,4", "2.5,4"), "'1,234', expected a number"),
    "a decimal comma or thousands": (
        GOOD.replace("1.5", '"1,234"'),
        "record 1, column 'x_px' holds '1,234', which can be 1.234 with a decimal comma or 1234 with a comma between",
    ),
    "both decimal marks": (
        GOOD.replace("1.5", '"1,5"').replace("2,4", "2.5,4") + 'c,"3,5",4,y\n',
        r"record 2, column 'x_px' holds '2\.5' with a point, and the numbers of this table have decimal commas",
    ),
    "UTF-32": (GOOD.encode("utf-32"), "it is UTF-32 text; save it as UTF-8"),
    "half a character of UTF-16": (GOOD.encode("utf-16") + b"a", "it ends within a character"),
    "two delimiters": (
        GOOD.replace(",", ";").replace("\n", ",\n").replace("x_px;", "x_px,").replace("5;", "5,").replace("2;", "2,"),
        "t.csv: can be read in two ways, as 3 columns between commas or 3 columns between semicolons",
    ),
    "thousands in Python": (GOOD.replace("1.5", "1_000"), "holds '1_000', expected a number"),
    "other digits": (GOOD.replace("1.5", "٣"), "holds '٣', expected a number"),
    "not whole": (GOOD.replace("2,4", "2,4.5"), "record 2, column 'count' holds '4.5', expected a whole number"),
    "not exact": (GOOD.replace("2,4", "2,1e17"), "record 2, column 'count' holds '1e17', expected a whole number"),
    "beyond 64 bits": (GOOD.replace("2,4", "2,9" + 19 * "9"), "record 2, column 'count' holds '9999"),
    "empty": (GOOD.replace("1.5", "  "), "record 1, column 'x_px' is empty, expected a number"),
    "control characters": (GOOD.replace("b,", "b\x1b[2J\x07,"), r"record 2, column 'case_id' holds 'b\\x1b\[2J\\x07'"),
    "a line separator": (GOOD.replace("b,", "b\u2028c,"), r"record 2, column 'case_id' holds 'b\\u2028c'"),
    "writing turned round": (GOOD.replace("b,", "b\u202ec,"), r"record 2, column 'case_id' holds 'b\\u202ec'"),
    "two lines in an id": (GOOD.replace("b,", '"b\nc",'), r"record 2, column 'case_id' holds 'b\\nc', expected text"),
    "long and not a number": (GOOD.replace("1.5", "z" * 5000), "record 1, column 'x_px' holds 'z{37}[.]{3}', expected"),
}


@pytest.mark.parametrize("name", BAD)
def test_files_that_are_not_tables_are_refused_in_one_line(tmp_path, name):
    content, message = BAD[name]
    with pytest.raises(TableError, match=message) as caught:
        read(tmp_path, content)
    said = str(caught.value)
    assert said.startswith(str(tmp_path / "t.csv")) and said.isprintable() and len(said) < len(str(tmp_path)) + 300


def test_a_gzip_file_is_read_where_its_name_says_so(tmp_path, monkeypatch):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(GOOD.replace(",", ";").encode("utf-16")))
    assert read_table(path, COLUMNS)["case_id"].to_list() == ["a", "b"]
    packed = gzip.compress(GOOD.encode())
    for content, said in (
        (GOOD.encode(), "Not a gzipped file"),
        (packed[:-9], "the gzip file is cut off"),
        (packed[:15] + b"\0" * 9 + packed[24:], "cannot read the table"),
    ):
        path.write_bytes(content)
        with pytest.raises(TableError, match=said) as refused:
            read_table(path, COLUMNS)
        assert str(path) in str(refused.value) and "\n" not in str(refused.value)
    path.write_bytes(gzip.compress(HEADER.encode() + b"a,1.5,3,x\n" * 100_000))
    monkeypatch.setenv("EGAZE_TABLE_FILE_BYTES", "100000")
    with pytest.raises(TableError, match="more than 100000 bytes"):
        read_table(path, COLUMNS)


def test_blank_lines_and_line_breaks_do_not_move_the_record_s_number(tmp_path):
    content = HEADER + '\na,1,1,"x\n\ny"\n\r\n\nb,2,2,z\nc,three,3,z\n'
    with pytest.raises(TableError, match="record 3, column 'x_px' holds 'three'"):
        read(tmp_path, content)


def test_a_header_of_line_breaks_takes_no_time(tmp_path):
    content = '"' + "\n" * 90_000 + '",case_id,x_px,count\n1,a,1,2\n'
    assert read(tmp_path, content).rows() == [("a", 1.0, 2)]


def test_a_header_alone_is_an_empty_table(tmp_path):
    assert read(tmp_path, HEADER).is_empty() and read(tmp_path, HEADER.strip()).schema == COLUMNS


def test_a_folder_a_pipe_and_a_zip_are_no_tables(tmp_path):
    with pytest.raises(TableError, match="cannot read the table: it is a folder"):
        read_table(tmp_path, COLUMNS)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(TableError, match="it is not a regular file"):
        read_table(tmp_path / "pipe.csv", COLUMNS)
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("t.csv", GOOD)
    with pytest.raises(TableError, match="it is a zip or spreadsheet file"):
        read_table(tmp_path / "t.zip", COLUMNS)
    with pytest.raises(TableError, match="cannot read the table"):
        read_table(tmp_path / "a\0b.csv", COLUMNS)


def test_limits_are_named_and_can_be_changed(tmp_path, monkeypatch):
    wide = HEADER.strip() + "".join(f",c{n}" for n in range(3000)) + "\n"
    with pytest.raises(TableError, match=r"header .* has 3004 columns, more than 2000 \(EGAZE_TABLE_COLUMNS\)"):
        read(tmp_path, wide)
    long = HEADER + "a,1,1," + "n" * 200_000 + "\n"
    with pytest.raises(TableError, match="record 1, column 'note' holds 200000 bytes, more than 100000"):
        read(tmp_path, long)
    monkeypatch.setenv("EGAZE_TABLE_COLUMNS", "5000")
    monkeypatch.setenv("EGAZE_TABLE_CELL_BYTES", "300000")
    assert len(read(tmp_path, long)) == 1 and read(tmp_path, wide).is_empty()
    monkeypatch.setenv("EGAZE_TABLE_RECORD_BYTES", "1000")
    with pytest.raises(TableError, match="record 1 is longer than 1000 bytes"):
        read(tmp_path, long)
    monkeypatch.setenv("EGAZE_TABLE_FILE_BYTES", "10")
    with pytest.raises(TableError, match="more than 10 .EGAZE_TABLE_FILE_BYTES"):
        read(tmp_path, GOOD)
    monkeypatch.setenv("EGAZE_TABLE_FILE_BYTES", "plenty")
    with pytest.raises(TableError, match="EGAZE_TABLE_FILE_BYTES must be a whole number"):
        read(tmp_path, GOOD)


@pytest.mark.parametrize("cell", ['"', "n"])
def test_a_cell_of_a_billion_characters_is_not_loaded(tmp_path, cell):
    """Nor one whose quote is never closed. The file is sparse; in it NUL bytes stand for the text."""
    path = tmp_path / "t.csv"
    path.write_text(HEADER + "a,1,1," + cell)
    os.truncate(path, 1_000_000_000)
    program = (
        "import sys, polars as pl\n"
        "from pathlib import Path\n"
        "from egaze.errors import TableError\n"
        "from egaze.tables.delimited import read_table\n"
        "peak = lambda: int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) // 1024\n"
        "before = peak()\n"
        "try:\n"
        "    read_table(Path(sys.argv[1]), {'case_id': pl.String})\n"
        "except TableError as error:\n"
        "    print(peak() - before, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True, timeout=60)
    grown_mb, _, message = done.stdout.partition(" ")
    assert "record 1 is longer than 1000000 bytes" in message and int(grown_mb) < 200


@pytest.mark.parametrize("name", ["patient_id", "subject_id", "study_id", "stay_id"])
def test_messages_do_not_name_patients(tmp_path, name):
    with pytest.raises(TableError, match=f"record 1, column '{name}' holds a value that is not shown") as caught:
        read(tmp_path, f"{name},x\nDOE-JOHN,1\n", {name: pl.Int64})
    assert "DOE" not in str(caught.value)
    with pytest.raises(TableError) as caught:  # a table without a header begins with a record
        read(tmp_path, "DOE-JOHN,1\nROE-JANE,2\n", {name: pl.Int64})
    assert "DOE" not in str(caught.value)
    with pytest.raises(TableError) as caught:
        read(tmp_path, f"{name},x\nDOE-JOHN\xff,1\n".encode("latin-1"), {name: pl.Int64})
    assert "DOE" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("../x.dcm", "does not stay inside"),
        ("a/../../x.dcm", "does not stay inside"),
        ("..\\x.dcm", "does not stay inside"),
        ("/etc/passwd", "does not stay inside"),
        ("\\\\server\\share\\x.dcm", "does not stay inside"),
        ("C:\\x.dcm", "does not stay inside"),
        ("c:x.dcm", "does not stay inside"),
        ("a\nb.dcm", r"'a\\nb.dcm' contains control characters"),
        ("a\0b.dcm", r"'a\\x00b.dcm' does not stay inside"),
        ("a\u202eb.dcm", "contains control characters"),
        ("../p10/p10000032/s50414267/x.dcm", r"the path '../p10/p…/s…/x.dcm' does not stay inside"),
    ],
)
def test_paths_that_are_refused(tmp_path, path, message):
    with pytest.raises(TableError, match=message) as caught:
        inside(tmp_path, path, "t.csv: record 1")
    assert str(caught.value).isprintable()


def test_paths_that_are_taken(tmp_path):
    for path in ("a/b.dcm", "a\\b.dcm", "./a/b.dcm", "a//b.dcm"):
        assert inside(tmp_path, path, "") == tmp_path / "a" / "b.dcm"
    assert inside(tmp_path, "a..b/c..dcm", "") == tmp_path / "a..b" / "c..dcm"


def test_unknown_columns_are_named(tmp_path):
    (tmp_path / "t.csv").write_text(GOOD)
    assert unknown_columns(tmp_path / "t.csv", COLUMNS) == ["note"]


CELLS = st.text(st.sampled_from("ab,\"\n\r é心\t'x\x01(/"), max_size=6)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=9),
    ends=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    read_bytes=st.sampled_from([1, 3, 16, 1 << 22]),
)
def test_equals_the_csv_module(tmp_path, rows, ends, quoting, read_bytes):
    """Any text in cells, however the file is cut into pieces; only outer blanks are lost."""
    if any("\r" in cell for row in rows for cell in row):
        quoting = csv.QUOTE_ALL  # the module leaves a lone carriage return bare
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=ends, quoting=quoting).writerows([("one", "two", "three"), *rows])
    path = tmp_path / "t.csv"
    path.write_bytes(text.getvalue().encode())
    expected = [tuple(row) for row in csv.reader(io.StringIO(text.getvalue(), newline="")) if row][1:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "_READ_BYTES", read_bytes)
        blocks = list(records.read_blocks(path))
    assert (blocks[0].first, blocks[0].records) == (0, 1)
    assert sum(block.records for block in blocks) == len(expected) + 1
    found = list(csv.reader(io.StringIO(b"".join(block.data for block in blocks).decode(), newline="")))[1:]
    assert [tuple(row) for row in found] == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "_READ_BYTES", read_bytes)
        columns = dict.fromkeys(("three", "one"), pl.String)
        try:
            table = read_table(path, columns, nullable=frozenset(columns))
        except TableError as error:
            assert "expected text of one line" in str(error) or "repeats the header" in str(error)
            return
    plain = [tuple((row[place].strip(" \t\r\n\u3000") or None) for place in (2, 0)) for row in expected]
    assert table.rows() == plain
