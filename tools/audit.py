"""Ask the Python Package Index for known vulnerabilities of all that is installed, and say what it did not answer.

    PYTHON-WITH-PIP-AUDIT tools/audit.py SITE-PACKAGES

pip-audit says "No known vulnerabilities found" of packages that the service does not know or does not answer for. Here
such a package is a failure: nothing is known of it. Exit codes: 0 all were asked about and none has a known
vulnerability, 1 some have, 2 some could not be asked about.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

#: Not on the index.
OWN = "egaze"


def verdict(report: dict[str, list[dict[str, object]]]) -> tuple[int, list[str]]:
    """The exit code for pip-audit's report, and what to say."""
    packages = [item for item in report["dependencies"] if item["name"] != OWN]
    skipped = [item for item in packages if "skip_reason" in item]
    lines = []
    for item in packages:
        for found in item.get("vulns", ()):  # type: ignore[attr-defined]
            fixed = ", ".join(found["fix_versions"]) or "no version yet"
            lines.append(f"{item['name']} {item['version']}: {found['id']}, mended in {fixed}")
    asked = len(packages) - len(skipped)
    if lines:
        return 1, [*lines, f"{len(lines)} known vulnerabilities; {asked} of {len(packages)} packages were asked about"]
    if skipped or not packages:
        why = f" ({skipped[0]['skip_reason']})" if skipped else ""
        return 2, [
            f"NOT AUDITED: the service answered for {asked} of {len(packages)} packages, so nothing is known of the "
            f"others{why}"
        ]
    return 0, [f"no known vulnerability in {len(packages)} packages"]


def main() -> None:
    (place,) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "audit.json"
        options = ("--path", place, "--format", "json", "--output", str(out), "--progress-spinner", "off")
        done = subprocess.run([sys.executable, "-m", "pip_audit", *options], capture_output=True, text=True)
        if not out.exists():
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            print(f"NOT AUDITED: the service cannot be asked: {last}")
            sys.exit(2)
        code, lines = verdict(json.loads(out.read_text(encoding="utf-8")))
    print("\n".join(lines))
    sys.exit(code)


if __name__ == "__main__":
    main()
