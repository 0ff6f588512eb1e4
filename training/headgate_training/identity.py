"""What a training was made of: digests of its data, its code and its settings, and the versions that it ran on."""

import dataclasses
import hashlib
import json
import platform
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from headgate_training.settings import Settings

_BLOCK = 1 << 20


def versions() -> dict[str, str]:
    """What results may depend on, beside the program."""
    return {
        "python": platform.python_version(),
        "tensorflow": str(tf.__version__),
        "keras": str(keras.__version__),
        "numpy": str(np.__version__),
        "processor": platform.machine(),
    }


def code_digest() -> str:
    """Sha256 over names and contents of the training program's files."""
    package = Path(__file__).resolve().parent
    files = [path for path in package.rglob("*") if path.suffix in (".py", ".json")]
    return _digest(package, [path for path in files if "__pycache__" not in path.parts])


def data_digest(*folders: Path) -> str:
    """Sha256 over names and contents of all files of the channels."""
    whole = hashlib.sha256()
    for folder in folders:
        whole.update(_digest(folder, (path for path in folder.rglob("*") if path.is_file())).encode())
    return whole.hexdigest()


def identity_of(settings: Settings, data: str, code: str) -> str:
    """One digest of a whole training: two that share it give the same model."""
    parts = [data, code, json.dumps(dataclasses.asdict(settings), sort_keys=True), json.dumps(versions())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _digest(root: Path, files: Iterable[Path]) -> str:
    whole = hashlib.sha256()
    for path in sorted(files):
        whole.update(f"{path.relative_to(root).as_posix()}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                whole.update(block)
    return whole.hexdigest()
