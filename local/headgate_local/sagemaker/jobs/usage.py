"""What the hosts of a job use of the machine, for CloudWatch: CPU and memory of their process groups, from /proc."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

FIRST, EVERY = 1.0, 5.0
"""Seconds after the start until the first sample, and between samples; AWS publishes one a minute."""
PROC = Path("/proc")


class UsageMetrics:
    """Publishes CPUUtilization and MemoryUtilization of each host, in percent.

    As on AWS a host that keeps two CPUs busy uses 200 % of CPU. Where there is no /proc nothing is published.
    """

    def __init__(self, sagemaker: "SageMaker", namespace: str, job_name: str) -> None:
        self._metrics, self._namespace, self._job = sagemaker.metrics, namespace, job_name
        self._due = time.monotonic() + FIRST if PROC.is_dir() else float("inf")
        self._before: dict[str, tuple[float, float]] = {}

    def __call__(self, groups: Mapping[str, int]) -> None:
        """Take a sample of the process group of each host if it is time to."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + EVERY
        used = _used(set(groups.values()))
        memory = os.sysconf("SC_PHYS_PAGES")
        for host, group in groups.items():
            seconds, pages = used.get(group, (0.0, 0))
            then, before = self._before.get(host, (now - FIRST, 0.0))
            self._before[host] = (now, seconds)
            cpu = 100 * max(0.0, seconds - before) / (now - then)
            dimensions = {"Host": f"{self._job}/{host}"}
            self._metrics.put(self._namespace, "CPUUtilization", dimensions, cpu, "Percent")
            self._metrics.put(self._namespace, "MemoryUtilization", dimensions, 100 * pages / memory, "Percent")


def _used(groups: set[int]) -> dict[int, tuple[float, int]]:
    """By process group: the seconds of CPU so far, and the pages of memory now."""
    ticks = os.sysconf("SC_CLK_TCK")
    used: dict[int, tuple[float, int]] = {}
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        group = int(fields[2])
        if group in groups:
            # user and system time, and those of the children that have ended; see proc(5)
            seconds = sum(map(int, fields[11:15])) / ticks
            before = used.get(group, (0.0, 0))
            used[group] = (before[0] + seconds, before[1] + int(fields[21]))
    return used
