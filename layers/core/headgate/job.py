"""Entry point of Headgate's own processing jobs: ``python3 headgate.zip WORK [--root /opt/ml/processing]``.

The archive is the package as the functions have it. Beside it lies in ``libraries.tar.gz`` what it needs, for the
container's processor; where there is none (the local cloud), the interpreter has it. The container has no network:
SageMaker brings the data and takes the answers.
"""

import argparse
import sys
import tarfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

WORK = ("validate", "observe")
LONGEST_MESSAGE = 1000


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what is asked with what lies under ``--root``. Importing this file does nothing.

    Raises:
        Exception: whatever went wrong, whose kind (and, where it is our own, whose words) is the job's exit message.
    """
    parser = argparse.ArgumentParser(description="Do on a machine what is too large for a function.")
    parser.add_argument("work", choices=WORK)
    parser.add_argument("--root", type=Path, default=Path("/opt/ml/processing"))
    asked = parser.parse_args(arguments)
    try:
        _unpack_libraries(asked.root / "input" / "core")
        _do(asked.work, asked.root)
    except Exception as error:
        # SageMaker shows a job's own words (ExitMessage) from this file.
        message = asked.root.parent / "output" / "message"
        message.parent.mkdir(parents=True, exist_ok=True)
        message.write_text(_words_of(error)[:LONGEST_MESSAGE], encoding="utf-8")
        raise


def _words_of(error: BaseException) -> str:
    """The kind of an error, and its words where they are ours: others may quote rows."""
    ours = type(error).__module__ == "headgate.domain.errors" or isinstance(error, ImportError)
    return f"{type(error).__name__}: {error}" if ours else type(error).__name__


def tell_failure(_kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print where an error came from, and what may be told of it; a `sys.excepthook`."""
    sys.stderr.write("Traceback (most recent call last):\n")
    sys.stderr.writelines(traceback.format_tb(trace))
    sys.stderr.write(_words_of(error) + "\n")


def _unpack_libraries(core: Path) -> None:
    """Put the libraries on the path, before what the container has."""
    archive = core / "libraries.tar.gz"
    if archive.is_file():
        with tarfile.open(archive) as packed:
            packed.extractall(core / "libraries", filter="data")
        sys.path.insert(0, str(core / "libraries"))


def _do(work: str, root: Path) -> None:
    from headgate.services.brought import examine_brought, observe_brought
    from headgate.tables.engine import Limits

    limits = Limits.of_machine(root / "input")
    told = examine_brought(root, limits) if work == "validate" else observe_brought(root, limits)
    print(f"{work}: {told}")  # noqa: T201 - the job's log
