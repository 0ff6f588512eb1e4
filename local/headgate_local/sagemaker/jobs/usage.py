"""What the hosts of a job use of the machine, for CloudWatch: CPU and memory of their process groups, from /proc."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from headgate_local.proc import PROC, memory_of_the_machine, use_of

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

FIRST, EVERY = 1.0, 5.0
"""Seconds after the start until the first sample, and between samples; AWS publishes one a minute."""


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
        whole = memory_of_the_machine()
        for host, group in groups.items():
            seconds, memory = used.get(group, (0.0, 0))
            then, before = self._before.get(host, (now - FIRST, 0.0))
            self._before[host] = (now, seconds)
            cpu = 100 * max(0.0, seconds - before) / (now - then)
            dimensions = {"Host": f"{self._job}/{host}"}
            self._metrics.put(self._namespace, "CPUUtilization", dimensions, cpu, "Percent")
            self._metrics.put(self._namespace, "MemoryUtilization", dimensions, 100 * memory / whole, "Percent")


def _used(groups: set[int]) -> dict[int, tuple[float, int]]:
    """By process group: the seconds of CPU so far, those of children that have ended too, and the bytes of memory."""
    used: dict[int, tuple[float, int]] = {}
    for folder in PROC.iterdir():
        found = use_of(folder.name) if folder.name.isdigit() else None
        if found and found.group in groups:
            seconds, memory = used.get(found.group, (0.0, 0))
            used[found.group] = (seconds + found.seconds + found.children_seconds, memory + found.memory)
    return used
