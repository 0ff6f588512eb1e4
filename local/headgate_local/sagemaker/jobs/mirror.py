"""A folder whose files go to S3 as they change, while a job runs: checkpoints, TensorBoard's output and the like."""

import contextvars
import threading
from pathlib import Path

from headgate_local.sagemaker.clients import Storage, TransferError

FileState = tuple[Path, tuple[int, int]]

PAUSE = 1.0
"""Seconds between looks for changes."""


class Mirror:
    """Copies what is new or changed in a folder below a URI until ``finish``; what goes from the folder stays there."""

    def __init__(self, storage: Storage, folder: Path, uri: str, kms_key: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._storage, self._folder, self._uri, self._kms_key = storage, folder, uri.rstrip("/"), kms_key
        self._sent = dict(file_states(folder))
        self._failure: TransferError | None = None
        self._over = threading.Event()
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._keep,), name=f"mirror {uri}", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Copy what is left; raises TransferError if that fails."""
        self.abandon()
        self._copy()
        if self._failure:
            raise self._failure

    def abandon(self) -> None:
        """Copy no more; what is on its way arrives first."""
        self._over.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._over.wait(PAUSE):
            self._copy()

    def _copy(self) -> None:
        self._failure = None
        for path, state in file_states(self._folder):
            if self._sent.get(path) == state:
                continue
            try:
                self._storage.upload(path, f"{self._uri}/{path.relative_to(self._folder)}", self._kms_key)
            except FileNotFoundError:  # it went while we looked
                continue
            except TransferError as error:
                self._failure = error
                return
            self._sent[path] = state


def file_states(folder: Path) -> list[FileState]:
    """Every file below a folder, with what changes when it does."""
    states = []
    for path in sorted(folder.rglob("*")):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        if path.is_file():
            states.append((path, (status.st_mtime_ns, status.st_size)))
    return states
