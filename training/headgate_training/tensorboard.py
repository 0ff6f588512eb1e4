"""Scalars by epoch, in the files that TensorBoard reads, written without it: records of TensorFlow's own events.

An attempt after an interruption writes a file of its own; TensorBoard reads all files of a folder as one run.
"""

import math
import time
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

VERSION = "brain.Event:2"
"""The first record of every file says its format."""


class EventLog:
    """One file of events; nothing is written without a folder."""

    def __init__(self, folder: Path | None) -> None:
        self._writer = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._writer = tf.io.TFRecordWriter(str(folder / f"events.out.tfevents.{time.time():.6f}.headgate"))
            self._write(tf.compat.v1.Event(wall_time=time.time(), file_version=VERSION))

    def scalars(self, step: int, values: Mapping[str, float | None]) -> None:
        """Numbers of one epoch; those that are none are left out."""
        told = [
            tf.compat.v1.Summary.Value(tag=tag, simple_value=value)
            for tag, value in values.items()
            if value is not None and math.isfinite(value)
        ]
        self._write(tf.compat.v1.Event(wall_time=time.time(), step=step, summary=tf.compat.v1.Summary(value=told)))

    def close(self) -> None:
        """End the file."""
        if self._writer is not None:
            self._writer.close()

    def _write(self, event: "tf.compat.v1.Event") -> None:
        if self._writer is not None:
            self._writer.write(event.SerializeToString())
            self._writer.flush()
