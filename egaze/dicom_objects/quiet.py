"""Silence of libraries that log or warn of what stands in headers and addresses: names, ids and UIDs of patients."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_TALKATIVE = ("pydicom", "highdicom", "dicomweb_client", "urllib3", "requests", "retrying")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep libraries from logging and warning within the block."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
