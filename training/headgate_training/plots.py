"""The plots of a model card, each with its sentence."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from headgate_training.svg import Plot

Shown = Mapping[str, Any]


def figures(card: Shown) -> Iterator[str]:
    """All plots that the card's content allows, as figure elements."""
    task = card["evaluation"]["task"]
    if task == "binary":
        yield _trade_off(card, "roc", "ROC", "false alarms among negatives", "found among positives", diagonal=True)
        yield _trade_off(card, "precision_recall", "Precision and recall", "found among positives", "right among found")
    if task == "regression":
        yield _parts(card["curves"]["challenger"]["residuals"])
        yield _residuals(card["curves"]["challenger"]["residuals"])
    else:
        yield _reliability(card)
    yield from _learning(card["training"])


def _figure(title: str, plot: str, says: str) -> str:
    return f"<figure>{plot}<figcaption><b>{escape(title)}.</b> {escape(says)}</figcaption></figure>"


def _trade_off(card: Shown, key: str, title: str, x: str, y: str, diagonal: bool = False) -> str:
    plot = Plot(title, (0, 1), (0, 1), (x, y))
    if diagonal:
        plot.line([(0, 0), (1, 1)], "reference", "guessing")
    for role, kind in (("champion", "rival"), ("challenger", "challenger")):
        if card["curves"][role]:
            plot.line(card["curves"][role][key], kind, role)
    positive = card["spec"]["positive"]
    says = f"The positive class is {positive}; each point is one threshold. "
    return _figure(title, plot.draw(), says + ("Guessing is the diagonal." if diagonal else "Higher is better."))


def _reliability(card: Shown) -> str:
    plot = Plot("Calibration", (0, 1), (0, 1), ("predicted probability", "how often it was so"))
    plot.line([(0, 0), (1, 1)], "reference", "perfect")
    errors = []
    for role, kind in (("champion", "rival"), ("challenger", "challenger")):
        told = card["evaluation"]["calibration"][role]
        if told:
            points = [(each["predicted"], each["observed"]) for each in told["bins"]]
            plot.line(points, kind, role)
            plot.dots(points, kind, [f"{role}: {each['rows']} rows" for each in told["bins"]])
            errors.append(f"{role} {told['error']:.3f}")
    says = f"On the diagonal a probability means what it says. Mean distance from it: {', '.join(errors)}."
    return _figure("Calibration", plot.draw(), says)


def _parts(residuals: Shown) -> str:
    parts: Sequence[Shown] = residuals["parts"]
    everything = [part[name] for part in parts for name in ("low", "high", "predicted")]
    low, high = min(everything), max(everything)
    plot = Plot("Predicted and true", (low, high), (low, high), ("predicted", "true"))
    plot.line([(low, low), (high, high)], "reference", "perfect")
    for part in parts:
        at = part["predicted"]
        plot.line([(at, part["low"]), (at, part["high"])], "range", f"{part['rows']} rows")
    points = [(part["predicted"], part["median"]) for part in parts]
    plot.dots(points, "challenger", [f"{part['rows']} rows" for part in parts])
    says = "For tenths of the predictions: the median of what was true, and the range of nine in ten rows."
    return _figure("Predicted and true", plot.draw(), says)


def _residuals(residuals: Shown) -> str:
    edges, counts = residuals["edges"], residuals["counts"]
    plot = Plot("Errors", (edges[0], edges[-1]), (0, max(counts)), ("predicted less true", "rows"))
    plot.bars(list(zip(edges, edges[1:], counts, strict=False)), "challenger")
    plot.mark(0, "no error")
    return _figure(
        "Errors", plot.draw(), "Right of the line the model said too much; the outermost bars hold the rest."
    )


def _learning(training: Shown) -> Iterator[str]:
    history = training.get("history") or []
    lines = {
        name: [(at, epoch[name]) for at, epoch in enumerate(history, 1) if epoch.get(name) is not None]
        for name in ("loss", "val_loss")
    }
    values = [value for line in lines.values() for _, value in line]
    if not values:
        return
    plot = Plot("Learning curves", (1, len(history)), (min(values), max(values)), ("epoch", "loss"))
    plot.line(lines["loss"], "challenger", "training")
    plot.line(lines["val_loss"], "rival", "validation")
    best = training.get("best_epoch")
    if best:
        plot.mark(best, f"kept: epoch {best}")
    kept = f" Epoch {best} was kept." if best else ""
    yield _figure("Learning curves", plot.draw(), f"Solid: training; dashed: validation.{kept}")
