"""Quality by late labels: the metrics and their errors beside numpy's and scikit-learn's, and what counts as a loss."""

import numpy as np
import pytest
from sklearn import metrics

from headgate.domain.baseline import Quality
from headgate.domain.margins import Margins
from headgate.domain.quality import LabelledAnswer, judge_quality

DRAWS = 150


def binary(rows: int, blur: float, seed: int = 1) -> list[LabelledAnswer]:
    random = np.random.default_rng(seed)
    truth = random.random(rows) < 0.4
    score = np.clip(0.5 + 0.3 * (truth - 0.5) + blur * random.normal(size=rows), 0.01, 0.99)
    return [LabelledAnswer(int(t), int(s > 0.5), (1 - s, s)) for t, s in zip(truth, score, strict=True)]


def right(hits: int, rows: int) -> list[LabelledAnswer]:
    return [LabelledAnswer(int(at < hits), 1, (0.1, 0.9)) for at in range(rows)]


def amounts(rows: int, blur: float, seed: int = 1) -> list[LabelledAnswer]:
    random = np.random.default_rng(seed)
    truth = random.normal(size=rows)
    return [LabelledAnswer(0, 0, (), t + blur * e, t) for t, e in zip(truth, random.normal(size=rows), strict=True)]


OF_CLASSES = {
    "auc": lambda rows: metrics.roc_auc_score([row.label for row in rows], [row.probabilities[1] for row in rows]),
    "accuracy": lambda rows: metrics.accuracy_score([row.label for row in rows], [row.told for row in rows]),
    "balanced_accuracy": lambda rows: metrics.balanced_accuracy_score(
        [row.label for row in rows], [row.told for row in rows]
    ),
    "log_loss": lambda rows: metrics.log_loss([row.label for row in rows], [row.probabilities for row in rows]),
}
OF_AMOUNTS = {
    "rmse": lambda rows: metrics.root_mean_squared_error([row.truth for row in rows], [row.value for row in rows]),
    "mae": lambda rows: metrics.mean_absolute_error([row.truth for row in rows], [row.value for row in rows]),
    "r2": lambda rows: metrics.r2_score([row.truth for row in rows], [row.value for row in rows]),
}


@pytest.mark.parametrize("metric", [*OF_CLASSES, *OF_AMOUNTS])
def test_a_metric_and_its_error_are_those_of_the_rows(metric: str) -> None:
    make, exact = (binary, OF_CLASSES[metric]) if metric in OF_CLASSES else (amounts, OF_AMOUNTS[metric])
    rows = make(400, 0.3)
    found = judge_quality(Quality(metric, "maximize", 0.5, 0.0, 100), rows, 1, Margins())
    assert found.value == pytest.approx(exact(rows))
    draws = [make(400, 0.3, seed) for seed in range(DRAWS)]
    errors = [judge_quality(Quality(metric, "maximize", 0.5, 0.0, 100), each, 1, Margins()).error for each in draws]
    assert np.mean(errors) == pytest.approx(np.std([exact(each) for each in draws]), rel=0.2)


@pytest.mark.parametrize(
    ("before", "rows", "is_lost"),
    [
        (Quality("accuracy", "maximize", 0.95, 0.01, 200), binary(500, 0.6), True),
        (Quality("accuracy", "maximize", 0.60, 0.01, 200), binary(500, 0.6), False),  # it is no worse
        (Quality("accuracy", "maximize", 0.95, 0.20, 20), binary(500, 0.6), False),  # nobody knows how good it was
        (Quality("accuracy", "maximize", 1.00, 0.00, 30), right(465, 500), False),  # 30 of 30 were luck, one in nine
        (Quality("accuracy", "maximize", 1.00, 0.00, 300), right(465, 500), True),
        (Quality("rmse", "minimize", 0.5, 0.01, 200), amounts(500, 0.8), True),
        (Quality("rmse", "minimize", 0.5, 0.01, 200), amounts(500, 0.4), False),
    ],
)
def test_a_loss_is_sure_and_large_enough(before: Quality, rows: list[LabelledAnswer], is_lost: bool) -> None:
    assert bool(judge_quality(before, rows, 1, Margins()).loss) == is_lost


@pytest.mark.parametrize(
    "rows",
    [
        binary(49, 0.3),
        [LabelledAnswer(1, 1, (0.1, 0.9))] * 200,
        [*binary(60, 0.3)[:0], *[LabelledAnswer(0, 0, (1, 0))] * 60],
    ],
)
def test_too_few_labels_tell_nothing(rows: list[LabelledAnswer]) -> None:
    found = judge_quality(Quality("auc", "maximize", 0.9, 0.01, 100), rows, 1, Margins())
    assert (found.value, found.loss) == (None, 0.0)
    assert "too few" in found.why


@pytest.mark.parametrize("of_the_other", [0, 9, 10])
def test_balanced_accuracy_takes_labels_of_every_class(of_the_other: int) -> None:
    hits, missed = LabelledAnswer(1, 1, (0.1, 0.9)), LabelledAnswer(1, 0, (0.9, 0.1))
    rows = [*[hits] * 60, *[missed] * 40, *[LabelledAnswer(0, 0, (0.9, 0.1))] * of_the_other]
    found = judge_quality(Quality("balanced_accuracy", "maximize", 0.9, 0.01, 1000), rows, 1, Margins())
    assert found.value == (pytest.approx(0.8) if of_the_other == 10 else None)
    assert bool(found.loss) == (of_the_other == 10)
