"""Checkpoints of a training: where it stands, kept on disk so that a job that was cut off goes on from there.

One file holds everything: weights, the optimizer's state, the seeds of what is drawn in the network, the order of rows,
early stopping and the history. Two files take turns and each is put in place whole, so that one of them is sound at any
moment; SageMaker carries their folder to S3 and back. A file that is damaged, or of other data, settings or code, is
left aside with a warning: `identity` tells them apart.
"""

import contextlib
import dataclasses
import json
import os
import signal
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import numpy as np

FORMAT = 1
SECONDS = 30.0
"""Between two checkpoints, at least, unless the job is told to end."""
TERMINATED = 143
"""Exit code of a job that ended because it was told to: 128 and the signal's number."""
Arrays = Sequence[np.ndarray]
History = list[dict[str, float | None]]


@dataclass
class Progress:
    """Where a training stands: `epoch` of its `stage` is done."""

    stage: Literal["search", "finish", "done"] = "search"
    epoch: int = 0
    best: int = 0
    best_loss: float = float("inf")
    order: Mapping[str, Any] = field(default_factory=dict)
    """The state of the generator that draws the order of rows."""
    history: History = field(default_factory=list)
    state: Arrays = ()
    """All variables of network and optimizer, in their order."""
    best_state: Arrays = ()
    """What is gone back to; empty before there is any."""
    predicted: Arrays = ()
    """From the best weights' answers for the validation part on: those, alone."""


class Keeper:
    """Keeps nothing: a training without checkpoints."""

    stops = False
    """Whether the job was told to end."""

    def load(self) -> Progress | None:
        """The last progress of the same training, or None."""
        return None

    def keep(self, progress: Callable[[], Progress]) -> None:
        """Write a checkpoint if it is time to."""
        del progress

    @contextlib.contextmanager
    def deferring(self) -> Iterator[None]:
        """While this lasts a signal to end the job is kept for the next checkpoint."""
        yield


NOTHING_KEPT = Keeper()


class Checkpoints(Keeper):
    """Two files in a folder that take turns. Every attempt on the same training gives the same `identity`."""

    def __init__(self, folder: Path, identity: str, seconds: float = SECONDS, *, writes: bool = True) -> None:
        self._folder, self._identity, self._seconds, self._writes = folder, identity, seconds, writes
        self._number, self._last = 0, time.monotonic()

    def load(self) -> Progress | None:
        """Look at both files and take the later one of those that are sound and of this training."""
        found: dict[int, Progress] = {}
        for path in sorted(self._folder.glob("checkpoint-*.npz")):
            try:
                number, progress = self._read(path)
            except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
                _warn(f"{path.name} is damaged ({type(error).__name__}) and is left aside")
                continue
            if progress is None:
                _warn(f"{path.name} is of other data, settings or code and is left aside")
            else:
                found[number] = progress
        if not found:
            return None
        self._number = max(found)
        return found[self._number]

    def keep(self, progress: Callable[[], Progress]) -> None:
        """Write one if the last is long enough ago, or the job is to end; then it ends."""
        if self.stops or time.monotonic() - self._last >= self._seconds:
            if self._writes:
                self._write(progress())
            self._last = time.monotonic()
        if self.stops:
            raise SystemExit(TERMINATED)

    @contextlib.contextmanager
    def deferring(self) -> Iterator[None]:
        """Hear SIGTERM, which comes some time before the machine is taken away; outside of this it ends the job."""

        def hear(_number: int, _frame: FrameType | None) -> None:
            self.stops = True

        before = signal.signal(signal.SIGTERM, hear)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
        if self.stops:
            raise SystemExit(TERMINATED)

    def _write(self, progress: Progress) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._number += 1
        groups = {"state": progress.state, "best": progress.best_state, "predicted": progress.predicted}
        plain = {
            each.name: getattr(progress, each.name)
            for each in dataclasses.fields(progress)
            if each.name not in ("state", "best_state", "predicted")
        }
        about = {
            "format": FORMAT,
            "identity": self._identity,
            "number": self._number,
            "progress": plain,
            "counts": {name: len(arrays) for name, arrays in groups.items()},
        }
        named: dict[str, Any] = {
            f"{name}_{at:05}": array for name, arrays in groups.items() for at, array in enumerate(arrays)
        }
        named["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
        writing = self._folder / ".writing"
        with writing.open("wb") as file:
            np.savez(file, **named)
            file.flush()
            os.fsync(file.fileno())
        writing.replace(self._folder / f"checkpoint-{self._number % 2}.npz")

    def _read(self, path: Path) -> tuple[int, Progress | None]:
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(bytes(stored["about"]))
            if about["format"] != FORMAT or about["identity"] != self._identity:
                return 0, None
            groups = {
                name: [stored[f"{name}_{at:05}"] for at in range(count)] for name, count in about["counts"].items()
            }
        plain = about["progress"]
        return about["number"], Progress(
            **plain, state=groups["state"], best_state=groups["best"], predicted=groups["predicted"]
        )


def _warn(words: str) -> None:
    sys.stdout.write(f"warning: the checkpoint {words}; training goes on without it\n")
    sys.stdout.flush()
