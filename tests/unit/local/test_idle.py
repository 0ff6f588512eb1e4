import sys
from pathlib import Path

import numpy as np

from headgate_local.idle import IDLE_SECONDS, idle_seconds, release_file_pages


def file_kilobytes() -> int:
    """Kilobytes of files that this process has mapped and read."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split()[0]: int(line.split()[1]) for line in lines}
    return sizes["Rss:"] - sizes["Anonymous:"]


def test_files_that_were_read_are_let_go_of_and_work_as_before() -> None:
    matrix = np.random.default_rng(1).normal(size=(50, 50))
    expected = np.linalg.inv(matrix)
    before = file_kilobytes() if sys.platform == "linux" else 0
    release_file_pages()
    assert sys.platform != "linux" or file_kilobytes() < before / 2
    assert np.array_equal(np.linalg.inv(matrix), expected)


def test_a_cloud_rests_after_five_minutes_unless_told_otherwise(monkeypatch) -> None:
    monkeypatch.delenv("HEADGATE_IDLE_SECONDS", raising=False)
    assert idle_seconds() == IDLE_SECONDS
    monkeypatch.setenv("HEADGATE_IDLE_SECONDS", "2.5")
    assert idle_seconds() == 2.5
