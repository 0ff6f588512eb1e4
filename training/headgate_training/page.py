"""card.html: the model card as one page that needs nothing else, in plain words.

Names of columns, classes and categories come from outside: every text goes through ``_cell`` or ``escape``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from headgate_training.plots import figures
from headgate_training.sheet import SHEET
from headgate_training.svg import MINUS

Shown = Mapping[str, Any]
SHOWN = 15
"""Rows of a long table before the rest is folded away."""


def page(card: Shown) -> str:
    """The whole page for the content of card.json."""
    identity = card["identity"]
    name = "/".join(identity[key] for key in ("tenant", "project") if identity[key]) or card["spec"]["target"]
    parts = [_head(card, name), _quality(card["evaluation"]), _plots(card), _importance(card["evaluation"])]
    parts += [_slices(card["evaluation"]), _groups(card["evaluation"]), _engines(card["evaluation"]), _origin(card)]
    title = escape(f"Model card of {name}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{SHEET}</style></head><body><main>{''.join(parts)}</main></body></html>"
    )


def _head(card: Shown, name: str) -> str:
    spec, evaluation, identity = card["spec"], card["evaluation"], card["identity"]
    champion = f"version {identity['champion']}, which serves" if identity["champion"] else "the serving champion"
    rival = champion if evaluation["champion"] else "the trivial predictor, which looks at no column"
    answers = "a number with a range" if spec["task"] == "regression" else "one of " + _list(spec["classes"])
    difference = evaluation["difference"]
    judged = (
        f"Judged against {rival}, on {evaluation['rows']} rows that it never saw: {spec['metric']} "
        f"{_number(evaluation['challenger'][spec['metric']])}, which is {_signed(difference['estimate'])} "
        f"({_between(difference)} with {difference['level']:.0%} confidence; above 0 is better)."
    )
    use = (
        f"Made to predict {spec['target']} ({answers}) from {spec['columns']} columns, "
        "for rows like those it learnt from."
    )
    not_for = "Not for rows of another origin, nor as the only ground of a decision about a person."
    notes = "".join(f"<p class=bad>{escape(note)}</p>" for note in evaluation["notes"])
    return (
        f"<h1>Model card: {escape(name)}</h1><p class=lead>{escape(judged)}</p>{notes}"
        f"<section><h2>What it is for</h2><p>{escape(use)}</p><p>{not_for}</p></section>"
    )


def _quality(evaluation: Shown) -> str:
    names = list(evaluation["challenger"])
    roles = [role for role in ("challenger", "champion", "trivial") if evaluation[role]]
    rows = [[name, *(_number(evaluation[role].get(name)) for role in roles)] for name in names]
    text = _table(["metric", *roles], rows)
    newest = evaluation["newest"]
    if newest:
        metric, difference = evaluation["metric"], newest["difference"]
        text += _paragraph(
            f"On the newest data's own {newest['rows']} test rows: {metric} {_number(newest['challenger'][metric])}, "
            f"champion {_number(newest['champion'][metric])}; difference {_signed(difference['estimate'])} "
            f"({_between(difference)})."
        )
    calibration = evaluation["calibration"]["challenger"]
    if "coverage" in calibration:
        text += _paragraph(
            f"Its range held {calibration['coverage']:.0%} of the true values; it should hold "
            f"{calibration['nominal']:.0%}."
        )
    return _section("How good it is", text)


def _plots(card: Shown) -> str:
    key = "<span class=key></span> challenger"
    if card["evaluation"]["champion"]:
        key += ' &nbsp; <span class="key rival"></span> champion'
    confusion = card["curves"]["challenger"].get("confusion")
    cells = _confusion(confusion, card["spec"]["classes"]) if confusion and len(confusion) <= 20 else ""
    return _section("Plots", f"<p>{key}</p><div class=plots>{''.join(figures(card))}{cells}</div>")


def _confusion(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    head = "".join(f"<th class=n>{escape(name)}</th>" for name in classes)
    lines = []
    for name, row in zip(classes, counts, strict=True):
        total = max(sum(row), 1)
        cells = (f'<td style="background:rgb(var(--cell) / {0.65 * n / total:.2f})">{n}</td>' for n in row)
        lines.append(f"<tr><th>{escape(name)}</th>{''.join(cells)}</tr>")
    table = (
        f"<div class=scroll><table class=cells><tr><th>true \\ predicted</th>{head}</tr>{''.join(lines)}</table></div>"
    )
    says = "<figcaption><b>Confusion matrix.</b> Rows of the holdout; the diagonal is right.</figcaption>"
    return f"<figure>{table}{says}</figure>"


def _importance(evaluation: Shown) -> str:
    lines = evaluation["importance"]
    most = max((line["drop"] for line in lines), default=0) or 1
    rows = [
        [
            line["column"],
            _number(line["drop"]),
            _Html(f'<span class=bar style="width:{max(line["drop"], 0) / most:.0%}"></span>'),
        ]
        for line in lines
    ]
    says = f"How much worse {evaluation['metric']} becomes when a column's values are shuffled among the rows."
    return _section("What it looks at", _paragraph(says) + _table(["column", "worth", ""], rows)) if rows else ""


def _slices(evaluation: Shown) -> str:
    with_champion = bool(evaluation["champion"])
    rows = []
    for part in sorted(evaluation["slices"], key=lambda part: part["declared"]):
        gap = part["difference"] or part.get("whole")
        against = "champion" if part["difference"] else "all rows" if gap else ""
        unknown = "too few rows" if with_champion or not part["declared"] else "no champion yet"
        says = f"{_signed(gap['estimate'])} ({_between(gap)})" if gap else unknown
        worse = gap is not None and gap["high"] < 0
        shown = _Html(f"<span class=bad>{escape(says)}, surely worse</span>") if worse else says
        values = [_number(part["challenger"]), *([_number(part["champion"])] if with_champion else [])]
        kind = "declared" if part["declared"] else "found"
        rows.append([f"{part['column']}: {part['name']}", kind, str(part["rows"]), *values, shown, against])
    says = (
        f"{evaluation['metric']} for parts of the rows: the declared ones, and the weakest that were found among all "
        "columns. Intervals hold for all of them at once; above 0 is better."
    )
    names = ["slice", "", "rows", "challenger", *(["champion"] if with_champion else []), "difference", "to"]
    return _section("Slices", _paragraph(says) + _table(names, rows)) if rows else ""


def _groups(evaluation: Shown) -> str:
    if not evaluation["groups"]:
        return ""
    text = _paragraph(
        "How the groups of sensitive columns are treated. Below a ratio of 0.8 (the four-fifths rule) look closer."
    )
    for line in evaluation["groups"]:
        text += f"<h3>{escape(line['column'])}</h3>"
        if line["skipped"]:
            text += _paragraph(line["skipped"])
        names = ["group", "rows", evaluation["metric"], "selected", "found of the positive"]
        keys = ("value", "selection_rate", "true_positive_rate")
        text += _table(names, [[g["name"], str(g["rows"]), *(_number(g[key]) for key in keys)] for g in line["groups"]])
        for key, word in (("selection_rate", "Selected"), ("true_positive_rate", "Found of the positive")):
            gap = line[key]
            if gap:
                ratio = "" if gap["ratio"] is None else f", ratio {gap['ratio']:.2f}"
                text += _paragraph(f"{word}: largest gap {_number(gap['difference'])} ({_between(gap)}){ratio}.")
    return _section("Groups of people", text)


def _engines(evaluation: Shown) -> str:
    sizes, speeds = evaluation["artifact"]["bytes"], evaluation["artifact"]["p50_microseconds"]
    rows = [
        ["SavedModel", _bytes(sizes["saved_model"]), f"{speeds['saved_model']:.0f} µs", ""],
        ["LiteRT", _bytes(sizes["litert"]), f"{speeds['litert']:.0f} µs", ""],
    ]
    for form in evaluation["formats"]:
        if form["name"] == "float32":
            continue
        if form["skipped"]:
            rows.append([f"LiteRT {form['name']}", "", "", form["skipped"]])
            continue
        gap = form["difference"]
        says = f"{_signed(gap['estimate'])} ({_between(gap)}) to float32" if gap else ""
        rows.append([f"LiteRT {form['name']}", _bytes(form["bytes"]), f"{form['p50_microseconds']:.0f} µs", says])
    parity = evaluation["parity"]["max_abs_error"]
    says = f"The archive is {_bytes(sizes['archive'])}. Times are medians for one row on the machine that judged."
    if parity is not None:
        says += f" The two engines differ by {parity:.1g} at most."
    return _section(
        "Size and speed", _paragraph(says) + _table(["engine", "size", "one row", evaluation["metric"]], rows)
    )


def _origin(card: Shown) -> str:
    facts = [[name, value] for name, value in card["identity"].items() if value]
    training = card["training"]
    facts += [
        [name.replace("_", " "), str(training[name])]
        for name in ("epochs", "best_epoch", "parameters", "fit_seconds", "seed")
        if name in training
    ]
    facts += [[f"setting {name}", str(value)] for name, value in (training.get("settings") or {}).items()]
    text = _table(["", ""], facts)
    data = card["data"]
    if data:
        parts = ", ".join(f"{name} {count}" for name, count in (data["split"] or {}).items() if isinstance(count, int))
        inferred = [[each["what"], str(each["value"]), str(each["why"])] for each in data["inferred"] or ()]
        text += _paragraph(f"{data['rows']} rows were accepted, split into {parts}.") + "<h3>What was inferred</h3>"
        text += _table(["what", "as", "because"], inferred)
    else:
        text += _paragraph("The data's report was not at hand.")
    return _section("Where it comes from", text)


class _Html(str):
    """A cell that is HTML already."""


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what exceeds SHOWN rows is folded."""
    lines = list(_lines(rows))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    text = f"<div class=scroll><table><tr>{head}</tr>{''.join(lines[:SHOWN])}</table></div>"
    rest = lines[SHOWN:]
    if rest:
        folded = f"<div class=scroll><table>{''.join(rest)}</table></div>"
        text += f"<details><summary>{len(rest)} more</summary>{folded}</details>"
    return text if lines else ""


def _lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for row in rows:
        yield (
            "<tr>" + "".join(f"<td>{cell if isinstance(cell, _Html) else escape(cell)}</td>" for cell in row) + "</tr>"
        )


def _number(value: float | None) -> str:
    return "\u2013" if value is None else f"{value:.4g}".replace("-", MINUS)


def _signed(value: float) -> str:
    return f"{value:+.3g}".replace("-", MINUS)


def _between(interval: Shown) -> str:
    return f"{_number(interval['low'])} to {_number(interval['high'])}"


def _list(names: Sequence[str]) -> str:
    shown = [str(name) for name in names[:6]]
    return ", ".join(shown) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _bytes(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
