"""Evaluations as the evaluator writes them, for tests of the gate."""

from typing import Any


def interval(low: Any = 0.01, high: Any = 0.09, estimate: Any = 0.05) -> dict[str, Any]:
    return {"estimate": estimate, "low": low, "high": high}


def evaluation(
    against: str = "champion", challenger: Any = 0.95, rival: Any = 0.9, rows: Any = 200, **changes: Any
) -> dict[str, Any]:
    """Format 2, with a challenger that passes; `low`, `high`, `estimate` and `parity` are those numbers."""
    parts = {name: changes.pop(name) for name in ("low", "high", "estimate") if name in changes}
    parity = changes.pop("parity", 1e-7)
    return {
        "format": 2,
        "task": "binary",
        "metric": "auc",
        "direction": "maximize",
        "rows": rows,
        "challenger": {"auc": challenger},
        "champion": {"auc": rival} if against == "champion" else None,
        "trivial": {"auc": rival if against == "trivial" else 0.5},
        "difference": {"against": against, "level": 0.95, **interval(**parts)},
        "trivial_difference": {"level": 0.95, **interval(0.4, 0.5, 0.45)},
        "newest": None,
        "parity": {"max_abs_error": parity, "rows": 200},
        **changes,
    }


def newest(low: Any = -0.01, high: Any = 0.05, rows: Any = 100, champion: Any = 0.9) -> dict[str, Any]:
    difference = {"level": 0.95, **interval(low, high, (low + high) / 2 if isinstance(low, float) else low)}
    return {"rows": rows, "challenger": {"auc": 0.92}, "champion": {"auc": champion}, "difference": difference}


def part(
    column: str = "ward", low: Any = -0.2, high: Any = -0.1, rows: Any = 50, declared: Any = False, name: str = "B2"
) -> dict[str, Any]:
    return {
        "column": column,
        "name": name,
        "declared": declared,
        "rows": rows,
        "challenger": 0.7,
        "champion": 0.85,
        "difference": interval(low, high, -0.15),
    }


def compared(
    *selected: Any, rows: Any = 600, found: Any = None, positives: Any = 300, column: str = "sex"
) -> dict[str, Any]:
    """Groups of so many `rows` (one number, or a list), of which so many are told the positive class, and of the
    `positives` so many.
    """
    selected = selected or (300, 330)
    sizes, hits = rows if isinstance(rows, list) else [rows] * len(selected), found or [270] * len(selected)
    groups = [
        {"name": "Ms Secret", "rows": size, "selected": told, "positives": positives, "found": right}
        for size, told, right in zip(sizes, selected, hits, strict=True)
    ]
    return {"column": column, "groups": groups}


def variant(
    name: str = "int8", micros: Any = 100.0, size: Any = 5_000, low: Any = -0.01, **changes: Any
) -> dict[str, Any]:
    difference = None if name == "float32" else interval(low, 0.01, 0.0)
    return {
        "name": name,
        "bytes": size,
        "p50_microseconds": micros,
        "value": 0.9,
        "difference": difference,
        "skipped": None,
    } | changes
