"""card.html: the model card as one page that needs nothing else, in plain words.

Names of columns, classes and categories come from outside: every text is escaped by ``markup``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from headgate_training.classes import by_class, of_classes
from headgate_training.markup import Html, folded, html, paragraph, part, section, table
from headgate_training.parts import groups, slices
from headgate_training.plots import figures
from headgate_training.sheet import SHEET
from headgate_training.verdict import guess_of, head, rival_of
from headgate_training.wording import Metric, change, clipped, decimals_of, listed, measured, metric_of, number

Shown = Mapping[str, Any]
TOGETHER = 3
"""So many columns that were decided alike stand in one line by name."""

ALIKE = 1e-5
"""Answers that differ by less are the same to anybody."""


def page(card: Shown) -> str:
    """The whole page for the content of card.json."""
    identity = card["identity"]
    name = "/".join(identity[key] for key in ("tenant", "project") if identity[key]) or card["spec"]["target"]
    parts = [head(card, name), _quality(card), _plots(card), _importance(card["evaluation"])]
    parts += [slices(card), groups(card), _engines(card["evaluation"]), _origin(card)]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{html(f'Model card of {name}')}</title><style>{SHEET}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>"
    )


def _quality(card: Shown) -> str:
    evaluation, direction = card["evaluation"], card["evaluation"]["direction"]
    roles = [role for role in ("challenger", "champion", "trivial") if evaluation[role]]
    called = {"challenger": "this model", "champion": rival_of(card), "trivial": guess_of(evaluation)}
    rows = [
        [
            _explained(metric_of(name), judges=name == evaluation["metric"]),
            *(measured(name, evaluation[role].get(name)) for role in roles),
        ]
        for name in evaluation["challenger"]
    ]
    names = ["measure", *(called[role] for role in roles)]
    text = table("How good it is", names, rows, range(1, len(roles) + 1))
    if newest := evaluation["newest"]:
        metric = evaluation["metric"]
        ours, theirs = (measured(metric, newest[role][metric]) for role in ("challenger", "champion"))
        text += paragraph(
            f"On the newest data\u2019s own {newest['rows']} test rows: {metric_of(metric).name} {ours}, "
            f"{rival_of(card)} {theirs}, a difference of {change(newest['difference'], direction)}."
        )
    return section("How good it is", text)


def _explained(metric: Metric, *, judges: bool) -> Html:
    """A metric's name with what it means below, where a phone has room for it."""
    name = metric.name + (" (judged by this)" if judges else "")
    return Html(f"{html(name)}<div class=soft>{html(metric.meaning)}</div>")


def _plots(card: Shown) -> str:
    drawn = "".join((*figures(card), *of_classes(card)))
    return section("How it answers", f"<div class=plots>{drawn}</div>{by_class(card)}")


def _importance(evaluation: Shown) -> str:
    lines = evaluation["importance"]
    most = max((line["drop"] for line in lines), default=0) or 1
    rows = [
        [
            line["column"],
            _figures(line["drop"], most),
            Html(f'<span class=bar style="width:{max(line["drop"] / most, 0):.0%}"></span>'),
        ]
        for line in lines
    ]
    says = (
        f"How much worse {metric_of(evaluation['metric']).name} becomes when a column\u2019s values are shuffled among "
        "the rows: what the model uses, not what causes the answer."
    )
    shown = table("What it looks at", ["column", "loss", "in proportion"], rows, (1,))
    return section("What it looks at", paragraph(says) + shown) if rows else ""


def _figures(drop: float, most: float) -> str:
    """A loss with the decimals that show three figures of the largest; nothing where it shows none."""
    shown = number(drop, decimals_of({"low": -most, "high": most}) + 1)
    return shown if drop > 0 and shown.strip("0.,") else "none"


def _engines(evaluation: Shown) -> str:
    sizes, speeds = evaluation["artifact"]["bytes"], evaluation["artifact"]["p50_microseconds"]
    rows = [
        [name, _bytes(sizes[key]), _micros(speeds[key]), ""]
        for name, key in (("SavedModel", "saved_model"), ("LiteRT", "litert"))
    ]
    skipped: dict[str, list[str]] = {}
    for form in evaluation["formats"]:
        if form["skipped"]:
            skipped.setdefault(form["skipped"], []).append(form["name"])
        elif form["name"] != "float32":
            gap = form["difference"]
            says = f"{change(gap, evaluation['direction'])} to LiteRT" if gap else ""
            rows.append([f"LiteRT {form['name']}", _bytes(form["bytes"]), _micros(form["p50_microseconds"]), says])
    parity = evaluation["parity"]["max_abs_error"]
    says = f"The archive is {_bytes(sizes['archive'])}. Times are medians for one row on the machine that judged."
    if parity is not None:
        alike = "alike" if parity < ALIKE else f"alike within {number(parity)}"
        says += f" The two engines answered all rows {alike}."
    text = paragraph(says) + table(
        "Size and speed", ["engine", "size", "one row", metric_of(evaluation["metric"]).name], rows, (1, 2)
    )
    text += "".join(paragraph(f"Not made: {listed(names)}. {why}") for why, names in skipped.items())
    return section("Size and speed", text)


def _origin(card: Shown) -> str:
    identity, training, data = card["identity"], card["training"], card["data"]
    names = {"holdout": "judged on the test rows of", "champion": "serving version then", "date": "run of"}
    facts = [[names.get(name, name), str(value)] for name, value in identity.items() if value]
    facts += list(_trained(training))
    text = table("Where it comes from", ["what", "value"], facts)
    settings = [[name.replace("_", " "), str(value)] for name, value in (training.get("settings") or {}).items()]
    text += folded("Settings", table("Settings", ["setting", "value"], settings))
    if not data:
        return section("Where it comes from", text + paragraph("The data\u2019s report was not at hand."))
    split = data["split"] or {}
    parts = ", ".join(f"{split[name]} {use}" for name, use in _USES.items() if isinstance(split.get(name), int))
    text += paragraph(f"{data['rows']} rows were accepted{': ' if parts else ''}{parts}.")
    inferred = table("What was inferred", ["what", "as", "because"], _choices(data["inferred"] or ()))
    text += part("What was inferred", inferred)
    return section("Where it comes from", text)


_USES = {"train": "to learn from", "validation": "to know when to stop", "test": "to be judged on"}


def _trained(training: Shown) -> Iterator[list[str]]:
    if training.get("epochs"):
        best = training.get("best_epoch")
        yield ["epochs", f"{training['epochs']}" + (f", of which number {best} was kept" if best else "")]
    if training.get("parameters"):
        yield ["weights", f"{training['parameters']:,}"]
    if training.get("fit_seconds") is not None:
        yield ["time to fit", f"{number(training['fit_seconds'])} s"]
    if training.get("seed") is not None:
        yield ["seed", str(training["seed"])]


def _choices(inferred: Sequence[Shown]) -> list[list[str]]:
    """What was inferred, with the columns that were decided alike in one line."""
    alike: dict[tuple[str, str], list[str]] = {}
    lines = []
    for each in inferred:
        what, value, why = (str(each[key]) for key in ("what", "value", "why"))
        if what.startswith("column "):
            alike.setdefault((value, why), []).append(what.removeprefix("column "))
        else:
            lines.append([what, value, why])
    for (value, why), names in alike.items():
        shown = (
            f"column {names[0]}"
            if len(names) == 1
            else f"{len(names)} columns: {listed([clipped(name) for name in names], TOGETHER)}"
        )
        lines.append([shown, value, why])
    return lines


def _micros(microseconds: float) -> str:
    return f"{number(microseconds)} \u00b5s" if microseconds < 1e3 else f"{number(microseconds / 1e3)} ms"


def _bytes(count: int) -> str:
    return f"{number(count / 1e6)} MB" if count >= 1e5 else f"{number(count / 1e3)} kB"
