"""Layers of functions, unpacked once for all execution environments that have them.

MiniStack unpacks every layer anew for each environment: 50 ms for two hundred files. Their modules, which nobody has
compiled yet, take as much again; together a third of a cold start. On AWS, too, an environment finds its layers ready
made. There it cannot write to them; here Python leaves what it compiled.
"""

import hashlib
import os
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Any

LAYER = "layer_"
"""How an archive's name begins that MiniStack writes a layer to."""
_one_at_a_time = threading.Lock()


class Layer(zipfile.ZipFile):
    """A layer's archive, which is unpacked by a link to what was unpacked before."""

    def extractall(self, path: str | Path) -> None:  # type: ignore[override]  # as MiniStack calls it
        """Let an empty folder become that link."""
        folder, shared = Path(path), Path(tempfile.gettempdir()) / f"layer-{self._digest()}"
        with _one_at_a_time:
            if not shared.exists():
                half = tempfile.mkdtemp(prefix="unpacking-", dir=shared.parent)
                shutil.unpack_archive(self._place, half, "zip")
                Path(half).rename(shared)
        folder.rmdir()
        folder.symlink_to(shared)

    @property
    def _place(self) -> Path:
        assert isinstance(self.filename, str | os.PathLike)
        return Path(self.filename)

    def _digest(self) -> str:
        with self._place.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32]


class Zips:
    """The module `zipfile` as MiniStack's runtime of functions sees it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(zipfile, name)

    def ZipFile(self, file: str) -> zipfile.ZipFile:
        """An archive: a layer's, or the code of a function, which has it to itself."""
        return (Layer if Path(file).name.startswith(LAYER) else zipfile.ZipFile)(file)
