"""A run's report: one HTML file that opens from disk."""

from egaze.report.report import write_report

__all__ = ["write_report"]
