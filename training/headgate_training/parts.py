"""What averages hide, for people: slices of the holdout, and groups of people."""

from collections.abc import Mapping, Sequence
from typing import Any

from headgate_training.cautions import FOUR_FIFTHS
from headgate_training.markup import Html, html, paragraph, part, section, table
from headgate_training.verdict import rival_of
from headgate_training.wording import change, measured, metric_of, number, quoted, share

Shown = Mapping[str, Any]


def slices(card: Shown) -> str:
    """The parts that were looked for, and those that the project named."""
    parts: Sequence[Shown] = card["evaluation"]["slices"]
    found = _table(card, "Where it is weakest", [each for each in parts if not each["declared"]])
    declared = _table(card, "Parts that the project names", [each for each in parts if each["declared"]])
    if not found and not declared:
        return ""
    known = metric_of(card["evaluation"]["metric"]).name
    says = f"{known} in parts of the holdout. Ranges hold for all parts at once; fewer rows, wider ranges."
    return section("Parts of the data", paragraph(says) + found + declared)


def _table(card: Shown, title: str, parts: Sequence[Shown]) -> str:
    """Parts of one kind. They are compared with the champion; without one, those that were found with all rows."""
    evaluation, champion = card["evaluation"], bool(card["evaluation"]["champion"])
    metric, direction = evaluation["metric"], evaluation["direction"]
    gaps = [each["difference"] if champion else each.get("whole") for each in parts]
    rival = rival_of(card) if champion else "all rows"
    names = ["part", "rows", "this model"] + ([rival] if champion else [])
    names += [f"difference to {rival}"] if any(gaps) else []
    rows = []
    for each, gap in sorted(zip(parts, gaps, strict=True), key=_worst_first):
        row = [f"{each['column'].strip()}: {each['name'].strip()}", str(each["rows"])]
        row += [measured(metric, each[role]) for role in ("challenger", *(["champion"] if champion else []))]
        if any(gaps):
            row.append(_gap(gap, direction))
        rows.append(row)
    return part(title, table(title, names, rows, range(1, len(names) - bool(any(gaps)))))


def _worst_first(each: tuple[Shown, Shown | None]) -> tuple[bool, bool, float]:
    gap = each[1]
    return (gap is None, gap is not None and gap["high"] >= 0, gap["estimate"] if gap else -each[0]["rows"])


def _gap(gap: Shown | None, direction: str) -> str:
    if gap is None:
        return "too few rows"
    says = change(gap, direction)
    return Html(f"<span class=bad>{html(says)}, worse beyond chance</span>") if gap["high"] < 0 else says


def groups(card: Shown) -> str:
    """How groups of people are treated; nothing where the project names no sensitive column."""
    evaluation, positive = card["evaluation"], card["spec"]["positive"]
    metric, text = evaluation["metric"], ""
    for line in evaluation["groups"]:
        binary = positive is not None
        names = ["group", "rows", metric_of(metric).name]
        names += [f"told {quoted(positive)}", f"found of {quoted(positive)}"] if binary else []
        rows = [
            [each["name"].strip(), str(each["rows"]), measured(metric, each["value"])]
            + ([share(each["selection_rate"]), share(each["true_positive_rate"])] if binary else [])
            for each in line["groups"]
        ]
        shown = table(f"Groups of {line['column']}", names, rows, range(1, len(names)))
        shown += paragraph(line["skipped"]) if line["skipped"] else ""
        shown += _gaps(line, str(positive))
        text += part(line["column"], shown)
    says = "Whether the columns that the project calls sensitive are treated alike. Rates of few rows are not told."
    return section("Groups of people", paragraph(says) + text) if text else ""


def _gaps(line: Shown, positive: str) -> str:
    text = ""
    for key, word in (
        ("selection_rate", f"Told {quoted(positive)}"),
        ("true_positive_rate", f"Found of {quoted(positive)}"),
    ):
        gap = line[key]
        if gap:
            far = [number(100 * gap[end], 0) for end in ("difference", "low", "high")]
            says = f"{word}: two groups differ by up to {far[0]} points ({far[1]} to {far[2]})"
            ratio = gap["ratio"]
            if ratio is not None and ratio < FOUR_FIFTHS:
                says = f"{says}; the ratio {ratio:.2f} is below four fifths, from where on people look closer"
            text += paragraph(f"{says}.")
    return text
