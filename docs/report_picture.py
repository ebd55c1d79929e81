"""Make docs/report.png from a report: python docs/report_picture.py demo/report.html docs/report.png

Needs a Chromium on the path and playwright (`pip install "egaze[browser]"`).
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTH_PX, HEIGHT_PX = 1280, 900
PICTURE_PX = 1610


def main(report: Path, picture: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no Chromium on the path")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX}, color_scheme="light")
        page.goto(report.resolve().as_uri())
        page.wait_for_function("() => document.querySelector('#case-id').textContent")
        # The surest right answer, with the scanpath so far over the predicted map.
        page.select_option("#filters [name=answer]", "right")
        page.select_option("#filters [name=order]", "sure")
        page.click("#cards > li:not([hidden]) button")
        for layer, percent in (("predicted", 55), ("fixations", 90)):
            page.eval_on_selector(
                f"#opacity-{layer}",
                "(input, value) => { input.value = value; input.dispatchEvent(new Event('input')) }",
                percent,
            )
        page.eval_on_selector("#scrubber", "s => { s.value = 0.4 * s.max; s.dispatchEvent(new Event('input')) }")
        page.evaluate("() => { scrollTo(0, 0); document.activeElement.blur() }")
        page.wait_for_timeout(500)
        page.screenshot(path=picture, full_page=True, clip={"x": 0, "y": 0, "width": WIDTH_PX, "height": PICTURE_PX})
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
