"""The bill of materials of what the build ships, as CycloneDX: the layer's packages with their hashes, and the images.

python -m tests.bill_of_materials FILE
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from tests.lint_template import ROOT

LOCK = ROOT / "layers" / "core" / "requirements.lock"
_PACKAGE = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\\n;]+)((?:[^\n]*\\\n +--hash=sha256:[0-9a-f]{64})*)", re.MULTILINE)
_IMAGE = re.compile(r"/(tensorflow-[a-z]+):([0-9][\w.-]+)")


def packages(lock: str) -> Iterator[Component]:
    """What a lock file pins; every hash is one of a file that may be installed."""
    for name, pinned, hashes in _PACKAGE.findall(lock):
        yield Component(
            name=name,
            version=pinned,
            purl=PackageURL("pypi", name=name.lower(), version=pinned),
            hashes=[
                HashType(alg=HashAlgorithm.SHA_256, content=each)
                for each in re.findall(r"sha256:([0-9a-f]{64})", hashes)
            ],
        )


def bill(lock: str, template: str) -> Bom:
    """Everything that is shipped or run by the deployment."""
    made = Bom(components=packages(lock))
    product = Component(name="headgate", version=version("headgate"), type=ComponentType.APPLICATION)
    made.metadata.component = product
    for name, tag in sorted(set(_IMAGE.findall(template))):
        made.components.add(Component(name=name, version=tag, type=ComponentType.CONTAINER))
    made.register_dependency(product, made.components)
    return made


def main(file: str) -> int:
    """Write it."""
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    made = bill(LOCK.read_text(), (ROOT / "template.yaml").read_text())
    Path(file).write_text(JsonV1Dot6(made).output_as_string(indent=1))
    sys.stdout.write(f"{file}: {len(made.components)} components\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
