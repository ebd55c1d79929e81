"""One HTML file that opens from disk: the report of a run or of a set of runs, or the quality of gaze recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from egaze.report.gaze_page import write_gaze_page

if TYPE_CHECKING:
    from egaze.report.report import write_report

__all__ = ["write_gaze_page", "write_report"]


def __getattr__(name: str) -> Any:
    # The page of recordings needs no torch, which takes seconds to load.
    if name != "write_report":
        raise AttributeError(f"module 'egaze.report' has no attribute {name!r}")
    from egaze.report.report import write_report

    return write_report
