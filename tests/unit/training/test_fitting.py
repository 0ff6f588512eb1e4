"""The two parts of a training: the search for the best epoch, and the finish on all rows."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate_training import passes
from headgate_training.families import dnn
from headgate_training.fitting import Epoch, Part, fit
from headgate_training.heads import Amounts, Classes, Numbers, balanced_weights
from headgate_training.passes import in_pieces
from headgate_training.settings import Settings

RANDOM = np.random.default_rng(3)
ROWS = RANDOM.normal(size=(240, 4)).astype(np.float32)
CLASSES = (ROWS[:, 0] + ROWS[:, 1] > 0).astype(np.int64)
TRAIN, VALIDATION = Part(ROWS[:160], CLASSES[:160]), Part(ROWS[160:], CLASSES[160:])


def run(train: Part, validation: Part, **changes: object) -> tuple[keras.Model, list[Epoch], int]:
    settings = Settings(**({"epochs": 12, "members": 2, "hidden_units": 8} | changes)).chosen_for(160, seed=4)
    keras.utils.set_random_seed(4)
    model = dnn.build(4, 2, settings)
    told: list[Epoch] = []
    best = fit(model, Classes(2), train, validation, settings, told.append).best
    return model, told, best


def test_the_best_epoch_is_the_one_of_the_lowest_loss() -> None:
    _, told, best = run(TRAIN, VALIDATION)
    assert best == 1 + int(np.argmin([epoch.val_loss for epoch in told]))
    assert told[-1].loss < told[0].loss


def test_the_search_ends_when_patience_does() -> None:
    shuffled = Part(VALIDATION.encoded, np.random.default_rng(1).permutation(VALIDATION.target))
    _, told, best = run(TRAIN, shuffled, epochs=200, patience=3)
    assert len(told) == best + 3 < 200


def test_the_finish_learns_from_the_validation_part_and_the_search_does_not() -> None:
    flipped = Part(VALIDATION.encoded, 1 - VALIDATION.target)
    straight, told, _ = run(TRAIN, VALIDATION, epochs=1)
    other, told_flipped, _ = run(TRAIN, flipped, epochs=1)
    np.testing.assert_array_equal(told[0].predicted, told_flipped[0].predicted)
    assert any(not np.array_equal(a, b) for a, b in zip(straight.get_weights(), other.get_weights(), strict=True))


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second = run(TRAIN, VALIDATION)[0], run(TRAIN, VALIDATION)[0]
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("head", [Amounts(np.array([1.0, 2.0, 3.0])), Numbers(np.array([1.0, 2.0, 3.0]))])
def test_a_line_starts_from_the_scores_that_would_answer_its_rows(head: Numbers) -> None:
    target = np.array([0.04, 1.0, 2.0, 5.0, 300.0])
    answers = head.unit.of(np.asarray(head.predict(head.scores_of(target)[None, :, None])))
    np.testing.assert_allclose(answers, target, rtol=1e-4)
    assert np.isfinite(head.scores_of(np.zeros(1))).all()


@pytest.mark.parametrize("amounts", [0.0, 1e-3, 1.0, 40.0])
def test_the_pooled_score_of_amounts_says_their_mean(amounts: float) -> None:
    head = Amounts(np.array([1.0, 2.0, 3.0]))
    scores = np.full((3, 5, 1), np.log(np.expm1(max(amounts, 1e-3))) - 0.5413, np.float32)
    np.testing.assert_allclose(head.predict(head.pool(scores)), head.predict(scores), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("score", [-1e4, -30.0, 0.0, 30.0, 1e4])
def test_amounts_are_never_negative_and_never_beyond_numbers(score: float) -> None:
    head = Amounts(np.array([1.0, 2.0, 3.0]))
    scores = np.full((2, 1, 1), score, np.float32)
    assert np.isfinite(head.loss(np.ones(1, np.float32), scores))
    assert np.isfinite(head.loss(np.ones(1, np.float32), head.pool(scores)))
    assert head.predict(scores)[0] >= 0


def test_intervals_are_learned_before_the_validation_part_is() -> None:
    class Watching(Numbers):
        seen: np.ndarray

        def calibrate(self, predicted: np.ndarray, target: np.ndarray) -> None:
            self.seen = predicted
            super().calibrate(predicted, target)

    target = ROWS[:, 0].astype(np.float64)
    settings = Settings(epochs=3, members=2, hidden_units=8).chosen_for(160, seed=4)
    model, head = dnn.build(4, 1, settings), Watching(target[:160])
    told: list[Epoch] = []
    best = fit(model, head, Part(ROWS[:160], target[:160]), Part(ROWS[160:], target[160:]), settings, told.append).best
    np.testing.assert_allclose(head.unit.of(head.seen), told[best - 1].predicted, rtol=1e-5)


@pytest.mark.parametrize(
    "changes", [{"optimizer": "sgd"}, {"schedule": "cosine"}, {"optimizer": "sgd", "momentum": 0.0}]
)
def test_every_optimizer_and_schedule_learns(changes: dict[str, object]) -> None:
    _, told, _ = run(TRAIN, VALIDATION, **changes)
    assert told[-1].val_loss < 0.8 * told[0].val_loss


def test_balanced_weights_find_the_rare_class() -> None:
    target = (ROWS[:, 0] + np.random.default_rng(5).normal(size=240) > 1.6).astype(np.int64)
    train, validation = Part(ROWS[:160], target[:160]), Part(ROWS[160:], target[160:])
    found = {}
    for name, head in {"none": Classes(2), "balanced": Classes(2, balanced_weights(target[:160], 2))}.items():
        settings = Settings(epochs=20, members=2, hidden_units=8).chosen_for(160, seed=4)
        keras.utils.set_random_seed(4)
        told: list[Epoch] = []
        best = fit(dnn.build(4, 2, settings), head, train, validation, settings, told.append).best
        found[name] = told[best - 1].predicted[:, 1].mean()
    assert found["balanced"] > 1.5 * found["none"]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_balanced_weights_count_every_class_alike_and_all_rows_as_many(labels: list[int]) -> None:
    target = np.array(labels)
    weights = balanced_weights(target, 5)
    shares = [weights[target][target == label].sum() for label in set(labels)]
    np.testing.assert_allclose(shares, len(labels) / len(set(labels)))


def test_class_weights_follow_the_metric_unless_they_are_chosen() -> None:
    chosen = [
        Settings(**given).chosen_for(100, 1, metric=metric).class_weights
        for given, metric in (({}, "balanced_accuracy"), ({}, "auc"), ({"class_weights": "none"}, "balanced_accuracy"))
    ]
    assert chosen == ["balanced", "none", "none"]


def test_sgd_takes_longer_strides_and_decays_as_much_in_each() -> None:
    adamw, sgd = Settings().chosen_for(100, 1), Settings(optimizer="sgd").chosen_for(100, 1)
    assert sgd.learning_rate > adamw.learning_rate
    assert sgd.learning_rate * sgd.weight_decay == pytest.approx(adamw.learning_rate * adamw.weight_decay)
    assert Settings(optimizer="sgd", learning_rate=0.2).chosen_for(100, 1).learning_rate == 0.2


def test_rows_in_pieces_are_answered_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, told, best = run(TRAIN, VALIDATION, epochs=3)
    monkeypatch.setattr(passes, "ROWS", 32)
    model, told_in_pieces, best_of_pieces = run(TRAIN, VALIDATION, epochs=3)
    assert best_of_pieces == best
    for epoch, other in zip(told, told_in_pieces, strict=True):
        assert other.val_loss == pytest.approx(epoch.val_loss, rel=1e-5)
        np.testing.assert_allclose(other.predicted, epoch.predicted, atol=1e-6)
    (found,) = in_pieces(lambda rows: (model(rows, training=False)[0],), ROWS, 1)
    np.testing.assert_allclose(found, model(ROWS, training=False)[0], atol=1e-6)
    for one, other in zip(whole.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
