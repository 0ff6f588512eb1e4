"""The model card: whole, self-contained, and safe whatever columns are called."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import auc, confusion_matrix, roc_curve

from headgate_training.classes import by_class, of_classes
from headgate_training.contenders import Predicted
from headgate_training.curves import curves
from headgate_training.evaluation import evaluate
from headgate_training.metrics import Outcome
from headgate_training.spec import Spec
from headgate_training.svg import Plot
from headgate_training.verdict import purpose
from headgate_training.wording import MINUS

from .jobs import MIXED_QUERY, Job, make_spec, run_job

EVIL = "<script>alert('x')</script>&\""
BINARY = Spec("t", "binary", ("no", "yes"), "yes", "auc", "maximize", 17, ())
ALONE = {"meta", "link", "img"}


class Elements(HTMLParser):
    """Counts elements, and what they would fetch or run."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.suspicious: list[str] = []
        self.silent: list[str] = []
        """What says nothing to those who cannot see it."""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ALONE:
            self.open.append(tag)
        names = {name for name, _ in attrs}
        told = {"svg": {"role", "aria-label"}, "th": {"scope"}, "html": {"lang"}}
        scrolled = ("class", "scroll") in attrs and not {"tabindex", "role", "aria-label"} <= names
        if not told.get(tag, set()) <= names or scrolled:
            self.silent.append(tag)
        if (
            tag in ("script", "link", "img", "iframe", "object")
            or names & {"src", "href"}
            or "on" in {n[:2] for n in names}
        ):
            self.suspicious.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize(("name", "plots"), [("healthcare", 4), ("manufacturing", 3)])
def test_the_card_of_real_data_has_its_plots_and_needs_nothing_else(
    train_example: Callable[[str], Job],
    make_processing_root: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    plots: int,
) -> None:
    monkeypatch.setenv("HEADGATE_PROJECT", name)
    root = make_processing_root(train_example(name), train_example(name))
    evaluation = evaluate(root)
    card = json.loads((root / "output" / "card.json").read_text())
    assert card["evaluation"] == evaluation
    assert card["identity"]["project"] == name
    assert card["identity"]["champion"] is None
    assert len(card["training"]["history"]) == card["training"]["epochs"]
    elements = Elements((root / "output" / "card.html").read_text())
    assert elements.tags.count("svg") == plots
    assert elements.open == []
    assert elements.suspicious == []
    assert elements.silent == []
    levels = [int(tag[1]) for tag in elements.tags if tag in ("h1", "h2", "h3")]
    assert levels[0] == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


@settings(max_examples=25, deadline=None)
@given(classes=st.integers(2, 120), seed=st.integers(0, 99))
def test_any_number_of_classes_can_be_shown(classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    counts = random.poisson(0.7, (classes, classes)).tolist()
    names = [f"{EVIL} {number} {'long ' * 30}" for number in range(classes)]
    card = {"curves": {"challenger": {"confusion": counts}}, "spec": {"classes": names}}
    shown = "".join(of_classes(card)) + by_class(card)
    elements = Elements(shown)
    assert elements.open == elements.suspicious == elements.silent == []
    assert len(shown) < 600_000
    told = [f"{row[at] / sum(row):.0%}" for at, row in enumerate(counts) if sum(row)]
    assert classes == 2 or all(f"<td class=n>{share}</td>" in shown for share in told)


def test_names_from_outside_are_shown_and_never_run(
    tmp_path: Path, make_processing_root: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    quoted = EVIL.replace('"', '""')
    query = f"""SELECT "ward 😀" AS "{quoted}", "50% a+b/c",
        CASE WHEN outcome = 'never' THEN '<img src=x onerror=alert(1)>' ELSE 'fine' END AS "<b>target</b>"
        FROM ({MIXED_QUERY})""".replace("'B' ||", "'<b>B' ||")
    classes = ["<img src=x onerror=alert(1)>", "fine"]
    spec = make_spec(
        {EVIL: "categorical", "50% a+b/c": "numeric"}, "<b>target</b>", "binary", classes=classes, positive=classes[0]
    ) | {"slices": [EVIL], "sensitive": [EVIL, "<i>gone</i>"]}
    monkeypatch.setenv("HEADGATE_PROJECT", "<script>project</script>")
    root = make_processing_root(run_job(tmp_path / "job", query, spec, epochs=2))
    report = {"rows": 5, "split": {}, "inferred": [{"what": EVIL, "value": EVIL, "why": EVIL}], "dropped": []}
    (root / "input" / "report").mkdir()
    (root / "input" / "report" / "report.json").write_text(json.dumps(report))
    evaluate(root)
    page = (root / "output" / "card.html").read_text()
    elements = Elements(page)
    assert elements.suspicious == []
    assert elements.open == []
    assert "&lt;script&gt;alert" in page
    assert "<b>target" not in page


def test_curves_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(1)
    target = random.integers(0, 2, 80)
    chance = np.round(np.clip(target * 0.3 + random.random(80) * 0.7, 0, 1), 1)
    told = curves(Predicted(Outcome(target, np.column_stack([1 - chance, chance])), None), BINARY)
    false, true, _ = roc_curve(target, chance, drop_intermediate=False)
    assert told["roc"] == pytest.approx(np.column_stack([false, true]), abs=1e-4)
    assert auc(*np.array(told["roc"]).T) == pytest.approx(auc(false, true), abs=1e-3)
    assert told["confusion"] == confusion_matrix(target, chance > 0.5).tolist()


@given(
    points=st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)), min_size=1, max_size=20),
    widths=st.tuples(st.floats(0, 1e9), st.floats(0, 1e9)),
)
def test_a_plot_can_be_drawn_of_any_finite_numbers(
    points: list[tuple[float, float]], widths: tuple[float, float]
) -> None:
    plot = Plot("t", (0.0, widths[0]), (-widths[1], 0.0), ("x", "y"))
    plot.line(points, "challenger", "line")
    drawn = plot.draw()
    assert "nan" not in drawn
    assert "inf" not in drawn
    assert drawn.count('class="tick"') < 40


def test_axes_have_short_numbers_all_in_one_unit() -> None:
    drawn = Plot("t", (0, 300_000), (-2e6, 3e6), ("x", "y")).draw()
    assert all(f">{name}<" in drawn for name in ("0", "100k", "300k", f"{MINUS}2M", "3M"))
    assert "e+" not in drawn
    assert ">8000<" in Plot("t", (0, 9_000), (0, 1), ("x", "y")).draw()


@pytest.mark.parametrize(
    ("columns", "grids", "said"),
    [
        (1, [], "from 1 column."),
        (66, [{"kind": "image", "shape": [8, 8, 1], "columns": 64}], "from a picture of 8 x 8 pixels and 2 columns."),
        (64, [{"kind": "image", "shape": [8, 8, 1], "columns": 64}], "from a picture of 8 x 8 pixels."),
        (14, [{"kind": "sequence", "shape": [12, 1], "columns": 12}], "from 14 columns."),
    ],
)
def test_the_first_sentence_says_what_a_model_is_given(columns: int, grids: list[dict[str, object]], said: str) -> None:
    spec = {"target": "t", "task": "regression", "classes": [], "columns": columns, "grids": grids}
    assert said in purpose({"spec": spec, "evaluation": {"rows": 50}})
