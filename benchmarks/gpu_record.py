"""What a section of gpu.py has measured so far, and what it could not; kept in a file, so that nothing is lost when the
section is stopped."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from egaze.atomic import write_text


class Record:
    """The content of a section's file.

    Attributes:
        measured: the figures by name.
        not_run: why what is missing was not run.
        wrong: results that are not what they must be, which no figure excuses.
    """

    def __init__(self, path: Path, seconds: float) -> None:
        self.measured: dict[str, Any] = {}
        self.not_run: dict[str, str] = {}
        self.wrong: dict[str, str] = {}
        self._path, self._ends_s = path, time.monotonic() + seconds
        self._write()

    @property
    def seconds_left(self) -> float:
        return self._ends_s - time.monotonic()

    def keep(self, name: str, value: Any) -> None:
        self.measured[name] = value
        self._write()

    def leave_out(self, name: str, why: str) -> None:
        self.not_run[name] = why
        self._write()

    def run(self, name: str, measure: Callable[[], Any], *, takes_s: float = 0.0) -> Any:
        """Call `measure`, and return its result; None if there is no time for it or it cannot be run.

        Args:
            name: what it measures.
            takes_s: how long it may take.
        """
        if self.seconds_left < takes_s:
            self.leave_out(
                name, f"out of time: it may take {takes_s:.0f} s, and {max(0, self.seconds_left):.0f} s are left"
            )
            return None
        print(f"  {name}", flush=True)
        try:
            return measure()
        except ImportError as error:
            self.leave_out(name, f"the package {error.name or error} is not installed")
        except AssertionError as error:
            self.wrong[name] = f"wrong result: {' '.join(str(error).split())[:300] or _place(error)}"
            self._write()
        except torch.OutOfMemoryError:
            self.leave_out(name, "the device's memory is too small")
        except Exception as error:
            said = " ".join(str(error).split())[:300]
            self.leave_out(name, f"{type(error).__name__}: {said} ({_place(error)})")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return None

    def _write(self) -> None:
        content = {"measured": self.measured, "not_run": self.not_run, "wrong": self.wrong}
        write_text(self._path, json.dumps(content, indent=2) + "\n")


def _place(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"
