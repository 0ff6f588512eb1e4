"""report.html: a window's report as one page that needs nothing else. Every text from outside is escaped here."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from headgate.domain.evidence import legible
from headgate.domain.window_plots import key, picture
from headgate.domain.window_sheet import SHEET

Shown = Mapping[str, Any]
DRAWN = 12
"""Features that are drawn; the table has all of them."""
OPEN_ROWS = 15
_WORDS = {
    "DataDrift": ("data drift", "largest stability index of a feature that moved"),
    "PredictionDrift": ("answers", "stability index of the answers, where they moved"),
    "MissingFeatures": ("missing", "largest growth of a feature's missing values"),
    "QualityLoss": ("quality lost", "share of the metric that is lost"),
    "GroupGap": ("groups", "growth of the gap between groups"),
}


def page(report: Shown) -> str:
    """The whole page for the content of report.json."""
    name = f"{report['tenant']}/{report['project']}"
    parts = (_head(report, name), _moved(report), _table(report), _quality(report), _groups(report), _origin(report))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(f'Requests of {name}')}</title><style>{SHEET}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>"
    )


def _head(report: Shown, name: str) -> str:
    window, captured, measures = report["window"], report["captured"], report["measures"]
    said = any(value for metric, value in measures.items() if metric != "RowsSeen")
    tiles = "".join(
        f"<div class={'moved' if measures[metric] else 'calm'}><dt>{label}</dt>"
        f"<dd><b>{_value(metric, measures[metric])}</b>{meaning}</dd></div>"
        for metric, (label, meaning) in _WORDS.items()
        if metric in measures
    )
    return (
        f"<header><p class=soft>Monitor &middot; window {window['number']} of release {report['release']}</p>"
        f"<h1>{escape(name)}</h1><p class=soft>{_moment(window['begun_at'])} to {_moment(window['ended_at'])} UTC, "
        f"{captured['rows']:,} rows in {captured['requests']:,} requests, beside {report['baseline_rows']:,} rows of "
        f"training data</p></header><section class={'worse' if said else 'better'}>"
        f"<p class=lead>{escape(report['says'])}</p><dl class=tiles>{tiles}</dl>"
        f"{''.join(f'<p class=soft>{escape(note)}</p>' for note in report['notes'])}</section>"
    )


def _moved(report: Shown) -> str:
    answers, features = report["answers"], [each for each in report["features"] if each["drifted"] or each["lacks"]]
    drawn = [_figure(each) for each in features[:DRAWN]]
    drawn.append(_figure(answers | {"name": f"answers: {answers['name']}"}))
    title = "What moved" if features else "The answers"
    return f"<section><h2>{title}</h2>{key()}<div class=plots>{''.join(drawn)}</div></section>"


def _figure(moved: Shown) -> str:
    says = [*moved["why"]]
    if moved["lacks"]:
        says.append(f"missing in {_share(moved['missing'])} of the rows, {_share(moved['missing_before'])} in training")
    if not says:
        says.append("not moved")
    facts = (
        f"Stability index {_number(moved['psi'])}, distance {_number(moved['distance'])}, {_chance(moved['chance'])}"
    )
    facts += f"; weight {_share(moved['weight'])}." if moved["weight"] is not None else "."
    words = escape("; ".join(says))
    return (
        f"<figure><h3>{escape(_clipped(moved['name']))}</h3>{picture(moved['shape'], words)}"
        f"<figcaption><b>{words[0].upper()}{words[1:]}.</b> {facts}</figcaption></figure>"
    )


def _table(report: Shown) -> str:
    head = ("feature", "moved", "stability index", "distance", "chance", "missing", "in training", "weight")
    names = "".join(f"<th scope=col{'' if at < 2 else ' class=n'}>{name}</th>" for at, name in enumerate(head))
    lines = [_line(each) for each in report["features"]]
    limits = report["limits"]
    says = (
        f"A feature moved if chance explains it in {_share(limits['level'])} of windows at most, corrected for all "
        f"features, and its stability index is {limits['psi']:g} or more, or 1% of the rows lie outside of what "
        "training saw. Weight is what the model looks at: 100% is what it needs most."
    )
    table = f"<table class=facts><thead><tr>{names}</tr></thead>{{}}</table>"
    shown = f"<div class=scroll>{table.format(''.join(lines[:OPEN_ROWS]))}</div>"
    if rest := lines[OPEN_ROWS:]:
        more = f"<div class=scroll>{table.format(''.join(rest))}</div>"
        shown += f"<details><summary>{len(rest)} more</summary>{more}</details>"
    return f"<section><h2>Every feature</h2><p class=soft>{says}</p>{shown}</section>"


def _line(each: Shown) -> str:
    moved = "<b class=bad>yes</b>" if each["drifted"] else "no"
    missing = _share(each["missing"])
    cells = [
        _number(each["psi"]),
        _number(each["distance"]),
        _chance(each["chance"]),
        f"<b class=bad>{missing}</b>" if each["lacks"] else missing,
        _share(each["missing_before"]),
        "" if each["weight"] is None else _share(each["weight"]),
    ]
    numbers = "".join(f"<td class=n>{cell}</td>" for cell in cells)
    return f"<tr><th scope=row>{escape(_clipped(each['name']))}</th><td>{moved}</td>{numbers}</tr>"


def _quality(report: Shown) -> str:
    quality = report["quality"]
    if quality is None or quality["value"] is None:
        return ""
    return f"<section><h2>How good it is by now</h2><p>{escape(quality['why'])}</p></section>"


def _groups(report: Shown) -> str:
    lines = "".join(
        f"<tr><th scope=row>{escape(gap['column'])}</th><td class=n>{_share(gap['now'])}</td>"
        f"<td class=n>{_share(gap['before'])}</td><td>{escape(gap['highest'])} most, {escape(gap['lowest'])} least</td>"
        f"<td>{'<b class=bad>wider</b>' if gap['widened'] else 'no wider'}</td></tr>"
        for gap in report["gaps"]
    )
    head = "<th scope=col>column</th><th scope=col class=n>gap now</th><th scope=col class=n>when judged</th>"
    head += "<th scope=col>told to be of the positive class</th><th scope=col></th>"
    table = f"<div class=scroll><table class=facts><thead><tr>{head}</tr></thead>{lines}</table></div>"
    return f"<section><h2>Groups</h2>{table}</section>" if lines else ""


def _origin(report: Shown) -> str:
    facts: Sequence[tuple[str, str]] = (
        ("version", str(report["version"])),
        ("run that made it", report["run"]),
        ("window", report["window"]["name"]),
        ("judged", f"{_moment(report['window']['judged_at'])} UTC"),
        ("captures left out as damaged", f"{report['captured']['malformed']:,}"),
    )
    lines = "".join(f"<tr><th scope=row>{name}</th><td>{escape(value)}</td></tr>" for name, value in facts)
    return f"<section><h2>Where it comes from</h2><table class=facts>{lines}</table></section>"


def _value(metric: str, value: float) -> str:
    if not value:
        return "none"
    return _number(value) if metric in ("DataDrift", "PredictionDrift") else _share(value)


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else legible(value)


def _chance(chance: float) -> str:
    return "by chance: under 1 in a million" if chance < 1e-6 else f"by chance: {legible(100 * chance)}%"


def _share(share: float) -> str:
    return "under 0.1%" if 0 < share < 0.001 else f"{legible(100 * share, 3)}%"


def _moment(moment: str) -> str:
    return escape(moment[:16].replace("T", " "))


def _clipped(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:59]}…"
