"""Put the training code into the artifact bucket under the hash of its content, which is the code identity of a run,
and the core with its libraries, for jobs that do what a function has no room for.
"""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

from headgate.aws.s3 import Objects
from headgate.domain.names import SYSTEM
from headgate.services.training_code import identity_of, source_files

CORE = Path(__file__).resolve().parents[1]
"""The package that the functions import."""
PROGRAM = "headgate.zip"
LIBRARIES = "libraries.tar.gz"
EVALUATOR = "evaluate.zip"
_START = b"""import sys

from headgate.job import main, tell_failure

sys.excepthook = tell_failure
main()
"""


def find_libraries(roots: list[str]) -> Path | None:
    """What the core needs on SageMaker's machines, as `sam build` packs it; the local cloud's have it already."""
    return next((root / LIBRARIES for root in map(Path, roots) if (root / LIBRARIES).is_file()), None)


def publish_core(libraries: Path | None, *, objects: Objects, artifact_bucket: str) -> dict[str, str]:
    """Upload the package as it runs here, as an archive that Python runs, and its libraries; again changes nothing.

    Returns:
        `CoreUri`, an attribute of the custom resource.
    """
    files = {f"headgate/{each.relative_to(CORE).as_posix()}": each.read_bytes() for each in sorted(CORE.rglob("*.py"))}
    files["__main__.py"] = _START
    published = {PROGRAM: _program(files)} | ({LIBRARIES: libraries.read_bytes()} if libraries else {})
    folder = f"{SYSTEM}/code/{identity_of(published)}/"
    for name, content in published.items():
        objects.put_bytes(artifact_bucket, f"{folder}{name}", content)
    return {"CoreUri": f"s3://{artifact_bucket}/{folder}"}


def publish_training_code(root: Path, *, objects: Objects, artifact_bucket: str) -> dict[str, str]:
    """Upload the code as script mode wants it, and as a program that Python runs: the evaluator of a processing job.

    Both lie under the content's hash, so that publishing again changes nothing.

    Returns:
        `Hash`, `ArchiveUri` and `EvaluatorUri`, the attributes of the custom resource.
    """
    files = source_files(root)
    identity = identity_of(files)
    folder = f"{SYSTEM}/code/{identity}/"
    evaluator = _program(files | {"__main__.py": files["evaluate.py"]})
    objects.put_bytes(artifact_bucket, f"{folder}{EVALUATOR}", evaluator)
    objects.put_bytes(artifact_bucket, f"{folder}sourcedir.tar.gz", _archive(files))
    return {
        "Hash": identity,
        "ArchiveUri": f"s3://{artifact_bucket}/{folder}sourcedir.tar.gz",
        "EvaluatorUri": f"s3://{artifact_bucket}/{folder}{EVALUATOR}",
    }


def _program(files: dict[str, bytes]) -> bytes:
    """A ZIP archive that depends on names and contents only."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        for name, content in sorted(files.items()):
            zipped.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _archive(files: dict[str, bytes]) -> bytes:
    """A gzipped tar that depends on names and contents only: no times, no owners."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()
