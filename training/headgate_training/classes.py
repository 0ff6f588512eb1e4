"""What becomes of each class, from the counts of true and predicted ones: few classes as a table, many as a map."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from headgate_training.markup import Html, figure, framed, html, part, table
from headgate_training.svg import heat_map
from headgate_training.wording import clipped, share

Counts = Sequence[Sequence[int]]
MOST_CELLS = 10
"""Of more classes the counts do not fit beside each other."""
NARROW = 2
"""So many classes fit beside another picture, whatever they are called."""
MOST_DRAWN = 60
MISTAKES = 8


def of_classes(card: Mapping[str, Any]) -> Iterator[str]:
    """The confusion matrix as a figure; nothing for numbers."""
    counts, classes = _known(card)
    if not counts:
        return
    says = "Rows of the holdout by what is true (down) and what was told (across); on the diagonal it was right."
    if len(counts) <= MOST_CELLS:
        yield figure("Confusion matrix", _cells(counts, classes), says, is_broad=len(counts) > NARROW)
    elif len(counts) <= MOST_DRAWN:
        says += " The darker, the larger the share of the true class. The table below has the names of the numbers."
        yield figure("Confusion matrix", heat_map("Confusion matrix", counts, classes), says)


def by_class(card: Mapping[str, Any]) -> str:
    """How well each class is found, and which are taken for which: for more than two classes."""
    counts, classes = _known(card)
    if len(counts) <= 2:
        return ""
    told = [sum(row[at] for row in counts) for at in range(len(counts))]
    lines = sorted(range(len(counts)), key=lambda at: (counts[at][at] / max(sum(counts[at]), 1), at))
    rows = [
        [
            f"{at + 1}. {classes[at]}" if len(counts) > MOST_CELLS else classes[at],
            str(sum(counts[at])),
            share(counts[at][at] / sum(counts[at]) if sum(counts[at]) else None),
            share(counts[at][at] / told[at] if told[at] else None),
        ]
        for at in lines
    ]
    found = table("Each class", ["class, the weakest first", "rows", "found", "right when told"], rows, (1, 2, 3))
    return part("Each class", found) + part("Most frequent mistakes", _mistakes(counts, classes))


def _known(card: Mapping[str, Any]) -> tuple[Counts, Sequence[str]]:
    return card["curves"]["challenger"].get("confusion") or [], card["spec"]["classes"] or []


def _cells(counts: Counts, classes: Sequence[str]) -> str:
    head = "".join(f"<th scope=col>{html(clipped(name))}</th>" for name in classes)
    lines = []
    for name, row in zip(classes, counts, strict=True):
        whole = max(sum(row), 1)
        cells = (f'<td style="background:rgb(var(--cell) / {0.6 * n / whole:.2f})">{n}</td>' for n in row)
        lines.append(f"<tr><th scope=row>{html(clipped(name))}</th>{''.join(cells)}</tr>")
    corner = "<td><span aria-hidden=true>true \u2193 told \u2192</span></td>"
    table = f"<table class=cells><thead><tr>{corner}{head}</tr></thead>{''.join(lines)}</table>"
    return framed("Confusion matrix", Html(table))


def _mistakes(counts: Counts, classes: Sequence[str]) -> str:
    wrong = [
        (count, true, told)
        for true, row in enumerate(counts)
        for told, count in enumerate(row)
        if count and true != told
    ]
    rows = [
        [classes[true], classes[told], str(count), share(count / sum(counts[true]))]
        for count, true, told in sorted(wrong, key=lambda each: (-each[0], *each[1:]))[:MISTAKES]
    ]
    return table("Most frequent mistakes", ["true", "told", "rows", "of the class"], rows, (2, 3))
