"""How well a feature alone tells the target: by ranks that are scipy's and scikit-learn's, wherever the sample lies."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from headgate.domain.columns import Measured, decide
from headgate.tables import leaks, measure
from headgate.tables.engine import Engine, Limits, opened
from headgate.tables.intake import Format
from headgate.tables.load import load

ROWS = 30_000


@dataclass
class Table:
    """Three features and the target `y`, an amount or one of two classes; more rows than a sample has."""

    engine: Engine
    columns: list[Measured]
    classes: bool

    def strengths(self) -> dict[str, float]:
        features = [(at, decide(column)) for at, column in enumerate(self.columns[:3])]
        values = measure.measure_target(self.engine, 3, self.columns[3])
        found = leaks.associations(self.engine, features, "c3", values, classes=self.classes)
        return {each.name: each.strength for each in found}


@pytest.fixture(params=[False, True])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Table]:
    rand, lines = random.Random(4), ["amount,count,category,y"]
    for _ in range(ROWS):
        amount, count = rand.randrange(5000) / 5000, rand.randrange(9)  # most amounts of a sample are there twice
        told = amount + count / 9 + rand.random()
        target = ("yes" if told > 1.5 else "no") if request.param else told
        lines.append(f"{amount},{count},{rand.choice('uvw')},{target}")
    (tmp_path / "part").write_text("\n".join(lines))
    with opened(tmp_path, Limits()) as engine:
        loaded = load(engine, [tmp_path / "part"], Format.CSV)
        yield Table(engine, measure.measure(engine, loaded), request.param)


def test_ranks_are_those_of_others(table: Table) -> None:
    found = table.strengths()["amount"]
    amounts, targets = zip(*table.engine.rows("SELECT c0, y FROM tested"), strict=True)
    assert 9_000 < len(amounts) < 11_000
    if table.classes:
        assert found == pytest.approx(roc_auc_score([target == "yes" for target in targets], amounts))
    else:
        assert found == pytest.approx(spearmanr(amounts, targets).statistic)


def test_the_sample_in_memory_is_the_one_that_all_rows_give(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = table.strengths()
    monkeypatch.setattr(measure, "_SAMPLE_BYTES", 0)
    table.engine.rows("DROP TABLE sampled")
    assert table.strengths() == pytest.approx(in_memory)
