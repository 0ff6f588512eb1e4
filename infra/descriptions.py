"""What functions read of the AWS SDK's data: the core's part of SageMaker's description and of the table of endpoints.

    python -m infra.descriptions

The whole takes 50 ms of a cold start to read; what Headgate needs takes three (decision 0045).
"""

import gzip
import json
import re
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.loaders import Loader

CORE = Path(__file__).resolve().parents[1] / "layers/core/headgate"
FOLDER = CORE / "aws/descriptions"
SERVICE = "sagemaker"
Data = dict[str, Any]


def descriptions() -> dict[Path, Data]:
    """What each file has to say, of the locked SDK's data."""
    loader = Loader()  # of its own: sessions may share one, whose data others change in memory
    sources = "\n".join(path.read_text(encoding="utf-8") for path in sorted(CORE.rglob("*.py")))
    version = loader.determine_latest_version(SERVICE, "service-2")
    return {
        FOLDER / SERVICE / version / "service-2.json.gz": _service(loader, sources),
        FOLDER / "endpoints.json.gz": _endpoints(loader, sources),
    }


def _service(loader: Loader, sources: str) -> Data:
    """The operations whose names stand in the sources, with what they take and answer, undocumented."""
    whole = loader.load_service_model(SERVICE, "service-2")
    words = set(re.findall(r"\w+", sources))
    operations = {name: told for name, told in whole["operations"].items() if xform_name(name) in words}
    kept: set[str] = set()
    _reach(operations, whole["shapes"], kept)
    shapes = {name: shape for name, shape in whole["shapes"].items() if name in kept}
    found: Data = _undocumented({**whole, "operations": operations, "shapes": shapes})
    return found


def _endpoints(loader: Loader, sources: str) -> Data:
    """Where services are, of those that the sources make clients of; any other is where its name says."""
    named = set(re.findall(r'\b(?:client|shared)(?:\(|, )"([a-z0-9-]+)"', sources))
    prefixes = {loader.load_service_model(name, "service-2")["metadata"]["endpointPrefix"] for name in named}
    whole = loader.load_data("endpoints")
    partitions = [
        {**each, "services": {name: told for name, told in each["services"].items() if name in prefixes}}
        for each in whole["partitions"]
    ]
    return {**whole, "partitions": partitions}


def _reach(told: Any, shapes: dict[str, Any], kept: set[str]) -> None:
    """Add the names of the shapes that something refers to, and that these refer to."""
    if isinstance(told, dict):
        name = told.get("shape")
        if isinstance(name, str) and name not in kept:
            kept.add(name)
            _reach(shapes[name], shapes, kept)
    for inner in told.values() if isinstance(told, dict) else told if isinstance(told, list) else ():
        _reach(inner, shapes, kept)


def _undocumented(told: Any) -> Any:
    if isinstance(told, dict):  # a member of a shape may be called "documentation", too: that is no text
        return {
            key: _undocumented(inner)
            for key, inner in told.items()
            if key != "documentation" or not isinstance(inner, str)
        }
    return [_undocumented(inner) for inner in told] if isinstance(told, list) else told


def main() -> None:
    """Write them."""
    for path, told in descriptions().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(json.dumps(told, separators=(",", ":")).encode(), mtime=0))


if __name__ == "__main__":
    main()
