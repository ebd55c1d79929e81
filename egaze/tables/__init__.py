"""Reading tables of text in any dialect: the delimiter, decimal mark and encoding are told from the file."""

from egaze.tables.delimited import read_table, scan_table
from egaze.tables.dialect import Dialect, tell_dialect

__all__ = ["Dialect", "read_table", "scan_table", "tell_dialect"]
