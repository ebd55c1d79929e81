"""The report of a run or of a set of runs: one HTML file that opens from disk."""

from egaze.report.report import write_report

__all__ = ["write_report"]
