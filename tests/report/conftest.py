"""A headless Chromium that reads reports from disk."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

PROBES = (Path(__file__).parent / "probes.js").read_text(encoding="utf-8")
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# In a container there is often no room in /dev/shm, no user to sandbox from, and no GPU.
_FLAGS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")


def _need(found, words):
    if not found and os.environ.get("EGAZE_REQUIRE_BROWSER") == "1":
        pytest.fail(words)
    if not found:
        pytest.skip(words)


@pytest.fixture(scope="module")
def chromium():
    """One browser for a module's tests: the system's, none is downloaded."""
    path = os.environ.get("EGAZE_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    _need(path, "no Chromium to open the report in: apt-get install chromium, or name one in EGAZE_CHROMIUM")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _need(False, 'nothing to drive Chromium with: pip install "egaze[browser]"')
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        browser.close()


@dataclass
class Reading:
    """An open report and all that it said or asked for."""

    page: object
    complaints: list = field(default_factory=list)
    requests: list = field(default_factory=list)

    @property
    def outside(self):
        return [url for url in self.requests if not url.startswith(("file:", "data:"))]

    def probe(self, name):
        """An answer of probes.js."""
        return self.page.evaluate(f"() => {{ {PROBES} return probes.{name}() }}")

    def settle(self):
        """Until what was asked for is drawn."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def stage_pixels(self):
        """(64, 64, 3) int: what the stage shows, made small."""
        self.settle()
        levels = self.probe("stage")
        return np.array(levels).reshape(64, 64, 4)[..., :3]


@pytest.fixture(scope="module")
def open_report(chromium):
    """Opens a file in a tab of its own."""
    contexts = []

    def open_file(path: Path, **options) -> Reading:
        context = chromium.new_context(**{"viewport": {"width": 1100, "height": 700}, **options})
        contexts.append(context)
        reading = Reading(context.new_page())
        page = reading.page
        page.on("console", lambda message: reading.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: reading.complaints.append(str(error)))
        page.on("requestfailed", lambda request: reading.complaints.append(f"failed: {request.url[:99]}"))
        page.on("request", lambda request: reading.requests.append(request.url))
        page.goto(path.resolve().as_uri())
        page.wait_for_function(
            "() => document.querySelector('#case-id')?.textContent || !document.querySelector('#room')"
        )
        return reading

    yield open_file
    for context in contexts:
        context.close()
