"""What functions read of AWS's description of SageMaker: the operations that the core calls, of the locked SDK's.

    python -m infra.descriptions

The whole takes 40 ms of a cold start to read; what Headgate calls takes two (decision 0045).
"""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name

CORE = Path(__file__).resolve().parents[1] / "layers/core/headgate"
SERVICE = "sagemaker"


def description() -> tuple[Path, dict[str, Any]]:
    """Where the description stands in the core, and what it has to say: what the core's sources name, undocumented."""
    loader = botocore.session.Session().get_component("data_loader")
    whole = loader.load_service_model(SERVICE, "service-2")
    sources = "\n".join(path.read_text(encoding="utf-8") for path in sorted(CORE.rglob("*.py")))
    words = set(re.findall(r"\w+", sources))
    operations = {name: told for name, told in whole["operations"].items() if xform_name(name) in words}
    kept: set[str] = set()
    _reach(operations, whole["shapes"], kept)
    shapes = {name: shape for name, shape in whole["shapes"].items() if name in kept}
    version = loader.determine_latest_version(SERVICE, "service-2")
    path = CORE / "aws/descriptions" / SERVICE / version / "service-2.json.gz"
    return path, _undocumented({**whole, "operations": operations, "shapes": shapes})


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
    """Write it."""
    path, told = description()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(told, separators=(",", ":")).encode(), mtime=0))


if __name__ == "__main__":
    main()
