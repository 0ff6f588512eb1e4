"""The plots of a model card, each with its key and its sentence."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from headgate_training.markup import figure
from headgate_training.svg import Plot
from headgate_training.verdict import rival_of
from headgate_training.wording import clipped, number, points, quoted, share

Shown = Mapping[str, Any]


def figures(card: Shown) -> Iterator[str]:
    """All plots that the card's content allows, as figure elements."""
    task = card["evaluation"]["task"]
    if task == "binary":
        yield _roc(card)
        yield _precision(card)
    if task == "regression":
        yield _parts(card)
        yield _residuals(card["curves"]["challenger"]["residuals"])
    else:
        yield _reliability(card)
    yield from _learning(card["training"])


def _keys(card: Shown, *more: tuple[str, str]) -> list[tuple[str, str]]:
    """The kinds of lines for both models, and what they are called."""
    rival = [("rival", rival_of(card))] if card["curves"]["champion"] else []
    return [("challenger", "this model"), *rival, *more]


def _trade_off(card: Shown, plot: Plot, key: str) -> None:
    for role, kind in (("champion", "rival"), ("challenger", "challenger")):
        if card["curves"][role]:
            plot.line(card["curves"][role][key], kind, role)


def _at_one_half(card: Shown) -> tuple[float, float, float]:
    """False alarms among negatives, found among positives, right among found, as the model answers by itself."""
    counts = card["curves"]["challenger"]["confusion"]
    at = card["spec"]["classes"].index(card["spec"]["positive"])
    found, false = counts[at][at], counts[1 - at][at]
    return false / max(sum(counts[1 - at]), 1), found / max(sum(counts[at]), 1), found / max(found + false, 1)


def _roc(card: Shown) -> str:
    positive, (false, found, _) = quoted(card["spec"]["positive"]), _at_one_half(card)
    says = (
        f"At its own threshold of one half (the dot) it finds {share(found)} of {positive} and takes "
        f"{share(false)} of the others for it. Other thresholds trade one for the other."
    )
    plot = Plot(f"ROC curve. {says}", (0, 1), (0, 1), ("false alarms among the others", f"found of {positive}"))
    plot.line([(0, 0), (1, 1)], "reference", "guessing")
    _trade_off(card, plot, "roc")
    plot.dots([(false, found)], "challenger", ["threshold of one half"])
    return figure("ROC curve", plot.draw(), says, _keys(card, ("reference", "guessing")))


def _precision(card: Shown) -> str:
    positive, (_, found, right) = quoted(card["spec"]["positive"]), _at_one_half(card)
    says = (
        f"Of those it calls {positive} at one half (the dot), {share(right)} are. The higher, the fewer false alarms."
    )
    plot = Plot(f"Precision and recall. {says}", (0, 1), (0, 1), (f"found of {positive}", "right among those told"))
    _trade_off(card, plot, "precision_recall")
    plot.dots([(found, right)], "challenger", ["threshold of one half"])
    return figure("Precision and recall", plot.draw(), says, _keys(card))


def _reliability(card: Shown) -> str:
    of = "its most probable class"
    if card["spec"]["positive"] is not None:
        of = quoted(card["spec"]["positive"])
    told = card["evaluation"]["calibration"]
    away = {role: points(told[role]["error"]) for role in ("challenger", "champion") if told[role]}
    says = f"On the dotted line 70% means 7 of 10. Probabilities of {of} are off by {away['challenger']} on average"
    says += f", those of {rival_of(card)} by {away['champion']}." if "champion" in away else "."
    plot = Plot(f"Calibration. {says}", (0, 1), (0, 1), ("probability told", "how often it was so"))
    plot.line([(0, 0), (1, 1)], "reference", "perfect")
    for role, kind in (("champion", "rival"), ("challenger", "challenger")):
        if told[role]:
            bins = [(each["predicted"], each["observed"]) for each in told[role]["bins"]]
            plot.line(bins, kind, role)
            plot.dots(bins, kind, [f"{each['rows']} rows" for each in told[role]["bins"]])
    return figure("Calibration", plot.draw(), says, _keys(card, ("reference", "perfect")))


def _parts(card: Shown) -> str:
    parts: Sequence[Shown] = card["curves"]["challenger"]["residuals"]["parts"]
    target = clipped(card["spec"]["target"])
    everything = [part[name] for part in parts for name in ("low", "high", "predicted")]
    low, high = min(everything), max(everything)
    says = (
        f"The rows in {len(parts)} parts by what was predicted: the dot is the median of what was true, the bar holds "
        "nine in ten of its rows. On the dotted line the prediction is right."
    )
    plot = Plot(f"Predicted and true. {says}", (low, high), (low, high), (f"{target}, predicted", f"{target}, true"))
    plot.line([(low, low), (high, high)], "reference", "perfect")
    for part in parts:
        at = part["predicted"]
        plot.line([(at, part["low"]), (at, part["high"])], "range", f"{part['rows']} rows")
    plot.dots(
        [(part["predicted"], part["median"]) for part in parts], "challenger", [f"{p['rows']} rows" for p in parts]
    )
    keys = [("dot", "median"), ("range", "nine in ten"), ("reference", "perfect")]
    return figure("Predicted and true", plot.draw(), says, keys)


def _residuals(residuals: Shown) -> str:
    edges, counts = residuals["edges"], residuals["counts"]
    says = "Right of the line it said too much, left of it too little; the outermost bars hold whatever lies beyond."
    plot = Plot(f"Errors. {says}", (edges[0], edges[-1]), (0, max(counts)), ("predicted less true", "rows"))
    plot.bars(list(zip(edges, edges[1:], counts, strict=False)), "challenger")
    plot.mark(0, "")
    return figure("Errors", plot.draw(), says)


def _learning(training: Shown) -> Iterator[str]:
    history = training.get("history") or []
    lines = {
        name: [(at, epoch[name]) for at, epoch in enumerate(history, 1) if epoch.get(name) is not None]
        for name in ("loss", "val_loss")
    }
    values = [value for line in lines.values() for _, value in line]
    if not values:
        return
    best = training.get("best_epoch")
    kept = dict(lines["val_loss"]).get(best or 0)
    says = "The lower, the better. Where only the training line still falls, the model learns rows by heart"
    says += f"; epoch {best} was kept, of loss {number(kept)} on rows held back." if kept is not None else "."
    plot = Plot(f"Learning curves. {says}", (1, len(history)), (min(*values, 0), max(values)), ("epoch", "loss"))
    plot.line(lines["loss"], "training", "training rows")
    plot.line(lines["val_loss"], "challenger", "rows held back")
    if best:
        plot.mark(best, f"kept: {best}")
    keys = [("challenger", "held back"), ("training", "training")]
    yield figure("Learning curves", plot.draw(), says, keys)
