"""The model card: everything that is known of a challenger, as card.json and as one page for people."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from headgate_training.contenders import Contender, Seen
from headgate_training.curves import curves
from headgate_training.page import page

FORMAT = 1
IDENTITY = ("tenant", "project", "run", "dataset", "holdout", "champion", "date")
"""What the processing job's environment says of the run, as HEADGATE_<NAME>."""


def write_card(root: Path, evaluation: Mapping[str, object], challenger: Contender, seen: Seen) -> dict[str, Any]:
    """Write card.json and card.html beside evaluation.json; return the content of card.json.

    What is not there (a report, an older archive's training record) is left out and said so on the page.
    """
    spec = challenger.spec
    training = _read(challenger.directory / "assets.extra" / "training.json") or {}
    card = {
        "format": FORMAT,
        "identity": {name: os.environ.get(f"HEADGATE_{name.upper()}") or None for name in IDENTITY},
        "spec": asdict(spec)
        | {
            "columns": len(spec.columns),
            "grids": [asdict(grid) | {"columns": len(grid.columns)} for grid in spec.grids],
        },
        "data": _data(_read(root / "input" / "report" / "report.json")),
        "training": {name: value for name, value in training.items() if name != "format"},
        "evaluation": evaluation,
        "curves": {
            "challenger": curves(seen.challenger, spec),
            "champion": curves(seen.champion, spec) if seen.champion else None,
        },
    }
    output = root / "output"
    (output / "card.json").write_text(json.dumps(card, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    (output / "card.html").write_text(page(card), encoding="utf-8")
    return card


def _data(report: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if report is None:
        return None
    kept = ("rows", "inferred", "dropped", "split")
    return {name: report.get(name) for name in kept}


def _read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
