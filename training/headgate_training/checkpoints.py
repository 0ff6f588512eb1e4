"""Checkpoints of a training: where it stands, kept on disk so that a job that was cut off goes on from there.

One file holds everything: weights, the optimizer's state, the seeds of what is drawn in the network, the order of rows,
early stopping and the history. Two files take turns and each is put in place whole, so that one of them is sound at any
moment; SageMaker carries their folder to S3 and back. A file that is damaged, or of other data, settings or code, is
left aside with a warning: `identity` tells them apart.

One is written after the first epoch, which shows early whether that can be done; then from time to time; when the job
hears that it is to end (SIGTERM, two minutes before SIGKILL; not everybody passes it on: decision 0009); and when the
fit is over, so that a job that is cut off in its export goes on there.
"""

import contextlib
import dataclasses
import json
import os
import signal
import sys
import time
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
    seconds: float = 0.0
    """That the fit took so far, in all attempts."""


class Keeper:
    """Keeps nothing: a training without checkpoints."""

    stops = False
    """Whether the job was told to end."""

    def load(self) -> Progress | None:
        """The last progress of the same training, or None."""
        return None

    def keep(self, progress: Callable[[], Progress], any_stops: Callable[[bool], bool], *, due: bool = False) -> None:
        """Write a checkpoint if it is time to, or ``due``; end the job if it was told to.

        ``any_stops`` answers whether this worker or any other was told to end. All workers call it at the same epoch:
        one that ended alone would leave the others waiting for its gradients, the chief without a checkpoint.
        """
        del progress, any_stops, due

    @contextlib.contextmanager
    def deferring(self) -> Iterator[None]:
        """While this lasts a signal to end the job is kept for the next checkpoint."""
        yield


NOTHING_KEPT = Keeper()


class Checkpoints(Keeper):
    """Two files in a folder that take turns. Every attempt on the same training gives the same `identity`."""

    def __init__(self, folder: Path, identity: str, seconds: float = SECONDS, *, writes: bool = True) -> None:
        self._folder, self._identity, self._seconds, self._writes = folder, identity, seconds, writes
        self._number, self._last = 0, float("-inf")

    def load(self) -> Progress | None:
        """Look at both files and take the later one of those that are sound and of this training."""
        found: dict[int, Progress] = {}
        for path in sorted(self._folder.glob("checkpoint-*.npz")):
            try:
                number, progress = self._read(path)
            except Exception as error:  # whatever a turned bit does to an archive, training can do without it
                _warn(f"the checkpoint {path.name} is damaged ({type(error).__name__}) and is left aside")
                continue
            if progress is None:
                _warn(f"the checkpoint {path.name} is of other data, settings or code and is left aside")
            else:
                found[number] = progress
        if not found:
            return None
        self._number, self._last = max(found), time.monotonic()
        return found[self._number]

    def keep(self, progress: Callable[[], Progress], any_stops: Callable[[bool], bool], *, due: bool = False) -> None:
        """Write one if the last is long enough ago, it is due or the job is to end; then it ends, with SystemExit."""
        ends = any_stops(self.stops)
        if due or ends or time.monotonic() - self._last >= self._seconds:
            if self._writes:
                self._write(progress())
            self._last = time.monotonic()
        if ends:
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
        groups = {"state": progress.state, "best": progress.best_state, "predicted": progress.predicted}
        plain = {
            each.name: getattr(progress, each.name)
            for each in dataclasses.fields(progress)
            if each.name not in ("state", "best_state", "predicted")
        }
        about = {
            "format": FORMAT,
            "identity": self._identity,
            "number": self._number + 1,
            "progress": plain,
            "counts": {name: len(arrays) for name, arrays in groups.items()},
        }
        named: dict[str, Any] = {
            f"{name}_{at:05}": array for name, arrays in groups.items() for at, array in enumerate(arrays)
        }
        named["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
        try:
            self._put(self._folder / f"checkpoint-{(self._number + 1) % 2}.npz", named)
            self._number += 1
        except OSError as error:  # a full disk, say: a training that could be lost is better than one that is
            _warn(f"a checkpoint could not be written ({type(error).__name__}: {error.strerror})")

    def _put(self, path: Path, named: Mapping[str, Any]) -> None:
        """Write beside, then put in place: the file that is there stays sound until the new one is whole."""
        self._folder.mkdir(parents=True, exist_ok=True)
        writing = self._folder / ".writing"
        try:
            with writing.open("wb") as file:
                np.savez(file, **named)
                file.flush()
                os.fsync(file.fileno())
            writing.replace(path)
        finally:
            writing.unlink(missing_ok=True)

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


def tell(words: str) -> None:
    """Write a line into the job's log."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def _warn(words: str) -> None:
    tell(f"warning: {words}; training goes on without it")
