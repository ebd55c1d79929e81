import pytest

from egaze.errors import TableError
from egaze.tables import lines
from egaze.tables.lines import read_lines


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("read_bytes", [3, 1 << 22])
def test_lines_are_numbered_across_blocks(tmp_path, encoding, read_bytes, monkeypatch):
    monkeypatch.setattr(lines, "_READ_BYTES", read_bytes)
    path = tmp_path / "a.txt"
    path.write_bytes("one\r\n\nthree é\nfour".encode(encoding))
    found = [(first + place, line) for first, block in read_lines(path) for place, line in enumerate(block)]
    assert found == [(1, "one"), (2, ""), (3, "three é"), (4, "four")]


def test_a_line_without_an_end_is_not_loaded(tmp_path, monkeypatch):
    monkeypatch.setenv("EGAZE_TABLE_RECORD_BYTES", "100")
    monkeypatch.setattr(lines, "_READ_BYTES", 64)
    (tmp_path / "a.txt").write_bytes(b"one\n" + b"x" * 1000)
    with pytest.raises(TableError, match="line 2 is longer than 100 bytes"):
        list(read_lines(tmp_path / "a.txt"))


def test_bytes_that_are_no_text_become_no_number(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"MSG\t1 \xe4\n")
    assert list(read_lines(tmp_path / "a.txt")) == [(1, ["MSG\t1 \ufffd"])]
