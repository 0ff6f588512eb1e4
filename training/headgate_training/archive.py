"""model.tar.gz, unpacked with the suspicion that anything from outside deserves."""

import re
import tarfile
from pathlib import Path

MAX_BYTES = 2 * 1024**3
MAX_MEMBERS = 200
_ALLOWED = re.compile(
    r"1(/(saved_model\.pb|variables(/variables\.[a-z0-9-]+)?"
    r"|assets\.extra(/(encoding|spec|golden|trivial|formats|training|baseline)\.json|/model(\.[a-z0-9]+)?\.litert"
    r"|/pruned(/(saved_model\.pb|variables(/variables\.[a-z0-9-]+)?|assets\.extra(/(spec|golden)\.json|/model\.litert)?))?)?))?"
    r"|code(/(inference\.py|headgate_training(/(__init__|bodies|rows)\.py)?))?"
)
_NEEDED = (
    "saved_model.pb",
    "assets.extra/encoding.json",
    "assets.extra/golden.json",
    "assets.extra/model.litert",
    "assets.extra/spec.json",
    "assets.extra/trivial.json",
)


class ArchiveError(ValueError):
    """Raised when an archive is damaged, too large, or holds anything but the layout of a model."""


def unpack(archive: Path, into: Path, max_bytes: int = MAX_BYTES) -> Path:
    """Unpack a model.tar.gz into an empty folder and return its version directory (``1/``).

    Only the files of the agreed layout are written, regular files of at most ``max_bytes`` in all. What a header
    promises is checked before its bytes are read, so that a gzip bomb costs nothing. Raises ArchiveError.
    """
    budget = max_bytes
    try:
        with tarfile.open(archive, mode="r:gz") as tar:
            for count, member in enumerate(tar, start=1):
                budget -= member.size
                _check(member, archive.name, fits=budget >= 0 and count <= MAX_MEMBERS)
                tar.extract(member, into, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ArchiveError(f"{archive.name} cannot be unpacked: {error}.") from error
    lacking = [name for name in _NEEDED if not (into / "1" / name).is_file()]
    if lacking:
        raise ArchiveError(f"{archive.name} lacks 1/{lacking[0]}: it is not a model that train.py wrote.")
    return into / "1"


def _check(member: tarfile.TarInfo, archive: str, fits: bool) -> None:
    if not fits:
        raise ArchiveError(f"{archive} holds more than a model may: {MAX_MEMBERS} files or {MAX_BYTES} bytes.")
    if not (member.isreg() or member.isdir()):
        raise ArchiveError(f"{archive} holds a link or a device; a model is made of plain files.")
    name = member.name.removeprefix("./")
    if name not in ("", ".") and not _ALLOWED.fullmatch(name):
        raise ArchiveError(f"{archive} holds a file that is no part of a model: {name[:100]!r}.")
