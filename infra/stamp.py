"""Say what a build is made of, so that a version of every function is published when that is something else.

    python -m infra.stamp .aws-sam/build/template.yaml

SAM sees when code is another, a function's or its layer's. It does not see that the value of a parameter is, which
samconfig.toml holds; so all that the functions are made of goes into one hash (docs/decisions/0041).
"""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("layers", "functions", "statemachines", "template.yaml", "samconfig.toml")


def stamp(built: Path, root: Path) -> None:
    """Write the hash of the sources under `root` into every function of a built template."""
    whole = yaml.safe_load(built.read_text())
    digest = _digest(root)
    for resource in whole["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["AutoPublishCodeSha256"] = digest
    built.write_text(yaml.safe_dump(whole, sort_keys=False))


def _digest(root: Path) -> str:
    whole = hashlib.sha256()
    for path in _files(root):
        whole.update(f"{path.relative_to(root)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    for name in SOURCES:
        found = [root / name] if (root / name).is_file() else sorted((root / name).rglob("*"))
        yield from (path for path in found if path.is_file() and "__pycache__" not in path.parts)


if __name__ == "__main__":
    stamp(Path(sys.argv[1]), ROOT)
