"""The training code, as a layer brings it to functions."""

import hashlib
import sys
from pathlib import Path

from headgate.domain.errors import NotFoundError

PACKAGE = "headgate_training"
ENTRY_POINTS = ("train.py", "evaluate.py")


def unpacked() -> list[str]:
    """Where layers are unpacked: Lambda puts them into /opt, which is not on the path, and the local cloud each into a
    folder of its own, which is.
    """
    return ["/opt", *sys.path]


def find_training_code(roots: list[str]) -> Path:
    """The folder that the layer unpacked to: the first root that holds the package and its entry points."""
    for root in map(Path, roots):
        if (root / PACKAGE).is_dir() and all((root / entry).is_file() for entry in ENTRY_POINTS):
            return root
    raise NotFoundError("The training code is not among the function's layers; add TrainingCodeLayer in template.yaml.")


def source_files(root: Path) -> dict[str, bytes]:
    """The files that a container gets, by name relative to the root, in order: modules, and what describes families."""
    inside = sorted(file for kind in ("*.py", "*.json") for file in (root / PACKAGE).rglob(kind))
    files = [root / entry for entry in ENTRY_POINTS] + inside
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in files}


def identity_of(files: dict[str, bytes]) -> str:
    """The code identity: 16 hexadecimal digits of sha256 over names and contents."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]
