"""eye_gaze.csv is read as a stream."""

import subprocess
import sys

PROGRAM = """
import sys
from egaze.sources import EgdCxr
peak = lambda: int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) // 1024
EgdCxr(sys.argv[1], sys.argv[2])
before = peak()
source = EgdCxr(sys.argv[1], sys.argv[2], gaze_table="eye-gaze")
print(peak() - before, source.hygiene["samples_read"], source.hygiene["samples_kept"])
"""
FILE_MB = 120
# Held at once, all 37 columns take some 300 MB.
BOUND_MB = 200


def test_memory_does_not_grow_with_the_file(folder, parts):
    folder.samples = [
        parts.gaze_row(CNT=n, BPOGX=f"0.{n:05d}", FPOGV=int(n == 0), LPCX="0.12345", RPCX="0.54321")
        for n in range(5000)
    ]
    folder.write()
    path = folder.gaze / "eye_gaze.csv"
    header, _, rows = path.read_bytes().partition(b"\n")
    times = FILE_MB * 1_000_000 // len(rows)
    with path.open("wb") as file:
        file.write(header + b"\n")
        for _ in range(times):
            file.write(rows)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, folder.gaze, folder.images], capture_output=True, text=True, check=True
    )
    grown_mb, read, kept = map(int, done.stdout.split())
    assert read == 5000 * times and kept == 1
    assert grown_mb < BOUND_MB
