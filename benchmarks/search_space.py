"""The settings that a family's file says are worth searching, as the local tuning jobs search them."""

import json
from pathlib import Path
from typing import Any

from headgate_local.sagemaker.tuning.ranges import Numbers

FAMILIES = Path(__file__).resolve().parents[1] / "training" / "headgate_training" / "families"


def ranges_of(family: str) -> tuple[Numbers, ...]:
    """What can be searched of a family."""
    described: dict[str, Any] = json.loads((FAMILIES / f"{family}.json").read_text())["hyperparameters"]
    return tuple(
        Numbers(
            name,
            each["from"],
            each["to"],
            "Logarithmic" if each["scale"] == "log" else "Linear",
            whole=each["type"] == "integer",
        )
        for name, each in described.items()
    )


def settings_of(texts: dict[str, str], ranges: tuple[Numbers, ...]) -> dict[str, float]:
    """Hyperparameters as training's Settings take them, from the text that a container gets."""
    whole = {each.name for each in ranges if each.whole}
    return {name: int(text) if name in whole else float(text) for name, text in texts.items()}
