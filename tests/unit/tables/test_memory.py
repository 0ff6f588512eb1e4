"""The process stays small whatever is uploaded: each case runs in a process of its own, whose peak is read."""

import io
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tests.pictures import archive, folders

PEAK_MB = 512
EXAMINED = """
import json, sys
from pathlib import Path
from headgate.domain.errors import DatasetRefusedError
from headgate.domain.findings import Findings
from headgate.domain.project import ProjectSettings
from headgate.tables.engine import Limits, opened
from headgate.tables.examine import examine
from headgate.tables.intake import save

source, folder = Path(sys.argv[1]), Path(sys.argv[2])
code = "FIT"
try:
    with source.open("rb") as file, opened(folder, Limits()) as engine:
        kind = save(iter(lambda: file.read(4 * 1024**2), b""), folder / "part")
        examine(engine, [folder / "part"], kind, ProjectSettings(), None, Findings())
except DatasetRefusedError as refusal:
    code = refusal.reason_code
# Not ru_maxrss: it begins with the size of the process that started this one.
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
print(json.dumps([code, int(peak.split()[1]) / 1024]))
"""


def wide(rand: random.Random) -> bytes:
    header = ",".join(f"c{number}" for number in range(400))
    rows = [",".join(str(rand.randrange(1000)) for _ in range(399)) for _ in range(100)]
    return "\n".join([header, *(f"{rows[n % 100]},{'xy'[n % 2]}" for n in range(8_000))]).encode()


def narrow(rand: random.Random) -> list[str]:
    return [f"{rand.random():.4f},{rand.random():.4f},{rand.choice('uvw')},{rand.choice('xy')}" for _ in range(1000)]


def one_stray_quote(rand: random.Random) -> bytes:
    lines = narrow(rand) * 1500
    lines[3] = '1,2,"u,x'
    return "\n".join(["a,b,c,y", *lines]).encode()


def every_row_ragged(rand: random.Random) -> bytes:
    return "\n".join(["a,b,c,d,y", *narrow(rand) * 1500]).encode()


def long_rows_of_short_lines(_rand: random.Random) -> bytes:
    return b"a,t,y\n" + (b'1,"' + b"short line\n" * 90_000 + b'",x\n') * 40


def long_texts(rand: random.Random) -> bytes:
    return b"a,t,y\n" + b"".join(
        b"%d.5,%s%d,%s\n" % (n, b"x" * 30_000, n, rand.choice([b"x", b"y"])) for n in range(3000)
    )


def a_large_picture(_rand: random.Random) -> bytes:
    content = io.BytesIO()
    Image.linear_gradient("L").resize((6000, 4000)).convert("RGBA").save(content, "PNG", compress_level=1)
    return archive(folders(60) | {"shades/dark/clear.png": content.getvalue()})


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (wide, "LEAKAGE"),  # which is looked for when all has been read
        (one_stray_quote, "UNBALANCED_QUOTES"),
        (every_row_ragged, "RAGGED_ROWS"),
        (long_rows_of_short_lines, "ROW_TOO_LONG"),
        (long_texts, "FIT"),
        (a_large_picture, "FIT"),
    ],
)
def test_memory_stays_bounded(tmp_path: Path, make: Callable[[random.Random], bytes], code: str) -> None:
    source, folder = tmp_path / "source", tmp_path / "work"
    folder.mkdir()
    source.write_bytes(make(random.Random(5)))
    command = [sys.executable, "-c", EXAMINED, str(source), str(folder)]
    answer, peak = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert answer == code
    assert peak < PEAK_MB
