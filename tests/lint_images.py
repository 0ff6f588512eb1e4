"""Compares the container images of template.yaml with those that SageMaker's own SDK would choose.

    .venv-sagemaker/bin/python tests/lint_images.py

Runs in the SDK's environment, so it imports nothing else of this repository.
"""

import re
import sys
from pathlib import Path

import yaml
from sagemaker.core import image_uris

TEMPLATE = (Path(__file__).resolve().parents[1] / "template.yaml").read_text()
IMAGE = re.compile(r"tensorflow-(training|inference):([\d.]+)-cpu-(py\d+)")
REGISTRY = re.compile(r"(\d{12})\.dkr\.ecr\.([\w-]+)\.")


def main() -> int:
    """Print every difference; 0 when there is none."""
    section = TEMPLATE[TEMPLATE.index("Mappings:") : TEMPLATE.index("Conditions:")]
    accounts = {
        region: value["Account"] for region, value in yaml.safe_load(section)["Mappings"]["TensorFlowImages"].items()
    }
    differences = []
    for scope, version, python in sorted(set(IMAGE.findall(TEMPLATE))):
        for region, account in accounts.items():
            uri = image_uris.retrieve(
                "tensorflow",
                region,
                version=version,
                py_version=python,
                instance_type="ml.m5.large",
                image_scope=scope,
            )
            registry = REGISTRY.match(uri)
            assert registry is not None, uri
            ours = f"tensorflow-{scope}:{version}-cpu-{python}"
            if registry.groups() != (account, region) or not uri.endswith(ours):
                differences.append(f"{region}: the template says {account} and {ours}, the SDK {uri}")
    sys.stdout.write("\n".join(differences or [f"the images agree in {len(accounts)} regions"]) + "\n")
    return int(bool(differences))


if __name__ == "__main__":
    sys.exit(main())
