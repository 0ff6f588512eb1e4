"""The first screen of a model card: what the model is, whether it is good and against what, what to be careful with."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from headgate_training.cautions import cautions
from headgate_training.markup import Html, html, section
from headgate_training.wording import change, clipped, decimals_of, listed, measured, metric_of, quoted, share

Shown = Mapping[str, Any]


def head(card: Shown, name: str) -> str:
    """The page's beginning."""
    evaluation, identity = card["evaluation"], card["identity"]
    made = f", {identity['date']}" if identity.get("date") else ""
    run = f"<p class=soft>Run {html(identity['run'])}{html(made)}</p>" if identity["run"] else ""
    title = f"<header><p class=soft>Model card</p><h1>{html(name)}</h1><p class=lead>{purpose(card)}</p>{run}</header>"
    kind, says = _verdict(evaluation, rival_of(card))
    tiles = "".join(
        f"<div><dt>{html(what)}</dt><dd><b>{html(value)}</b> {html(more)}</dd></div>"
        for what, value, more in _tiles(card)
    )
    gate = "This page measures. Whether the model serves is the gate\u2019s decision"
    where = f": <code>headgate show {html(identity['run'])}</code>" if identity["run"] else "."
    judged = f"<dl class=tiles>{tiles}</dl><p class=soft>{html(gate)}{where}</p>"
    return title + section(says, judged, kind) + _care(card)


def rival_of(card: Shown) -> str:
    """Against whom the model was judged, as people call it."""
    if not card["evaluation"]["champion"]:
        return guess_of(card["evaluation"])
    champion = card["identity"]["champion"]
    return f"version {champion}" if champion else "the serving version"


def guess_of(evaluation: Shown) -> str:
    """What the trivial predictor does, as people call it."""
    ago = evaluation.get("trivial_repeats")
    if not ago:
        return "guessing"
    return "repeating the last value" if ago == 1 else f"repeating the value of {ago} steps ago"


def purpose(card: Shown) -> str:
    """The first sentences: what is predicted from what, and on how many rows that was judged."""
    spec, rows = card["spec"], card["evaluation"]["rows"]
    classes = spec["classes"] or []
    answers = (
        "a number with its range"
        if spec["task"] == "regression"
        else listed([clipped(name) for name in classes], last="or")
    )
    if spec.get("forecast"):
        answers += f", one step ahead of the last {spec['forecast']['steps']} steps"
    target = html(clipped(spec["target"]))
    return f"Predicts <b>{target}</b> ({html(answers)}) from {_sources(spec)}. Judged on {rows} rows that it never saw."


def _sources(spec: Shown) -> str:
    """What it is given: pictures, and so many columns beside them."""
    images = [grid for grid in spec["grids"] if grid["kind"] == "image"]
    told = ["a picture of {} x {} pixels".format(*grid["shape"]) for grid in images]
    if columns := spec["columns"] - sum(grid["columns"] for grid in images):
        told.append(f"{columns} column{'' if columns == 1 else 's'}")
    return listed(told)


def _verdict(evaluation: Shown, rival: str) -> tuple[str, str]:
    """A kind for the sheet, and words that need no colour."""
    difference = evaluation["difference"]
    also = _beside_guessing(evaluation) if evaluation["champion"] else ""
    if difference["low"] > 0:
        return "better", f"\u2713 Better than {rival}, beyond chance{also}"
    if difference["high"] < 0:
        return "worse", f"\u2717 Worse than {rival}, beyond chance{also}"
    return "unsure", f"? Not surely better than {rival}{also}"


def _beside_guessing(evaluation: Shown) -> str:
    surely = "better" if evaluation["trivial_difference"]["low"] > 0 else "not surely better"
    return f"; {surely} than {guess_of(evaluation)}"


def _tiles(card: Shown) -> Iterator[tuple[str, str, str]]:
    """What, how much, and what that means."""
    evaluation, rival = card["evaluation"], rival_of(card)
    metric, difference = evaluation["metric"], evaluation["difference"]
    known, decimals = metric_of(metric), decimals_of(difference)
    meaning = known.meaning
    if metric == "auc":
        positive, other = _two(card["spec"])
        meaning = f"how often it ranks {positive} above {other}; 0.5 is guessing, 1 is perfect"
    yield f"{known.name}, this model", measured(metric, evaluation["challenger"][metric], decimals), meaning
    who = (
        "the best answer without a model"
        if evaluation.get("trivial_repeats")
        else "the best answer that looks at no column"
    )
    who = "serves now" if evaluation["champion"] else who
    role = "champion" if evaluation["champion"] else "trivial"
    yield f"{known.name}, {rival}", measured(metric, evaluation[role][metric], decimals), who
    estimate, _, interval = change(difference, evaluation["direction"]).partition(" ")
    better = "above" if evaluation["direction"] == "maximize" else "below"
    ranges = f"{interval.strip('()')} with {share(difference['level'])} confidence; {better} 0 is better"
    yield "Difference", estimate, ranges
    yield from _plainly(card)


def _plainly(card: Shown) -> Iterator[tuple[str, str, str]]:
    """The same in rows: what a person would count."""
    counts: Sequence[Sequence[int]] = card["curves"]["challenger"].get("confusion") or []
    classes = card["spec"]["classes"] or []
    if card["evaluation"]["task"] == "regression":
        told = card["evaluation"]["calibration"]["challenger"]
        yield "True value within its range", share(told["coverage"]), f"of the rows; meant are {share(told['nominal'])}"
    elif card["evaluation"]["task"] == "binary" and counts:
        positive, other = _two(card["spec"])
        at = classes.index(card["spec"]["positive"])
        found, false = counts[at][at], counts[1 - at][at]
        false_alarms = f"{false} of {sum(counts[1 - at])} {other} are taken for it"
        yield f"Found of {positive}", f"{found} of {sum(counts[at])}", false_alarms
    elif counts:
        shares = [(row[at] / sum(row), at) for at, row in enumerate(counts) if sum(row)]
        worst = min(shares)[1]
        said = f"{quoted(classes[worst])} is found least of the {len(classes)} classes"
        yield "Found of its weakest class", f"{counts[worst][worst]} of {sum(counts[worst])}", said


def _two(spec: Shown) -> tuple[str, str]:
    """The positive class and the other one."""
    other = next(name for name in spec["classes"] if name != spec["positive"])
    return quoted(spec["positive"]), quoted(other)


def _care(card: Shown) -> str:
    always = (
        "Not for rows of another origin than those it learnt from, nor as the only ground of a decision on a person."
    )
    items = "".join(f"<li>{html(each)}</li>" for each in (*cautions(card), always))
    return section("Be careful", Html(f"<ul>{items}</ul>"), "care")
