"""Layers of functions, unpacked once for all execution environments that have them.

MiniStack unpacks every layer anew for each environment: 50 ms for two hundred files. Their modules, which nobody has
compiled yet, take as much again; together a third of a cold start. On AWS, too, an environment finds its layers ready
made. There it cannot write to them; here Python leaves what it compiled.
"""

import hashlib
import os
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Any

LAYER = "layer_"
"""How the folder begins that MiniStack unpacks a layer to."""
_one_at_a_time = threading.Lock()


class Archive(zipfile.ZipFile):
    """An archive that is unpacked into a layer's folder by a link to what was unpacked before."""

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
        """Unpack, as `zipfile.ZipFile` does; a layer's folder, which is empty, becomes a link."""
        folder = Path(path or ".")
        if not folder.name.startswith(LAYER) or members is not None:
            super().extractall(path, members, pwd)
            return
        shared = Path(tempfile.gettempdir()) / f"layer-{self._digest()}"
        with _one_at_a_time:
            if not shared.exists():
                half = Path(tempfile.mkdtemp(prefix="unpacking-", dir=shared.parent))
                super().extractall(half)
                half.rename(shared)
        folder.rmdir()
        folder.symlink_to(shared)

    def _digest(self) -> str:
        assert isinstance(self.filename, str | os.PathLike)
        with Path(self.filename).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32]


class Zips:
    """The module `zipfile` as MiniStack's runtime of functions sees it."""

    ZipFile = Archive

    def __getattr__(self, name: str) -> Any:
        return getattr(zipfile, name)
