"""The line that forecasts start from, and what is left beside it."""

import keras
import numpy as np
import pytest

from headgate_training.ahead import Past, choose_ago, draw_line, level_of, overtones
from headgate_training.encoding_fit import fit_encoding
from headgate_training.heads import Numbers
from headgate_training.layout import Cycle, GridPlace, Layout, find_layout
from headgate_training.spec import Column, Forecast, Spec
from headgate_training.table import Table
from headgate_training.wide import Started, add_up, refit_linear, start_linear, weigh_depth

STEPS = 12
PAST = Past(zero=0.0, unit=1.0, middle=0.0)


def windows(series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Windows [rows, STEPS, 1] and what comes next [rows]."""
    rows = len(series) - STEPS
    return np.stack([series[at : at + STEPS] for at in range(rows)])[:, :, None], series[STEPS:]


def growing(rows: int) -> np.ndarray:
    """Grows by a fiftieth a quarter, and swings by a third over the year, in shares of what it is."""
    quarters = np.arange(rows)
    return 1.02**quarters * (3 + np.sin(np.pi * quarters / 2))


def test_the_line_goes_on_where_the_series_does() -> None:
    window, following = windows(growing(90))
    nothing = np.zeros((len(window), 0))
    ago = choose_ago(window[:60], following[:60], PAST)
    assert ago == 4
    line = draw_line(window[:60], nothing[:60], following[:60], PAST, ago)
    level = level_of(window[60:], PAST)
    answers = window[60:, :, 0] @ line.cells + line.constant + level * line.swing
    repeated = window[60:, -4, 0]
    assert np.abs(answers - following[60:]).mean() < 0.1 * np.abs(repeated - following[60:]).mean()


def test_overtones_are_those_of_the_angle() -> None:
    angle = np.linspace(0, 6, 20)
    found = overtones(np.sin(angle), np.cos(angle), 4)
    expected = [wave(times * angle) for times in (2, 3, 4) for wave in (np.sin, np.cos)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


LAYOUT = Layout(grids=[GridPlace("sequence", (STEPS, 1), 2)], cycles=[Cycle(0, 1, 2)])


def a_model(deep: np.ndarray) -> tuple[keras.Model, Numbers, np.ndarray, np.ndarray]:
    """A network whose depth says what stands in the last column, with its head, rows and scores."""
    window, following = windows(growing(len(deep) + STEPS))
    angle = np.pi * np.arange(len(deep)) / 2
    encoded = np.column_stack([np.sin(angle), np.cos(angle), window[:, :, 0], deep]).astype(np.float32)
    rows = keras.Input((encoded.shape[1],))
    layout = Layout(grids=LAYOUT.grids, cycles=LAYOUT.cycles, unread=[encoded.shape[1] - 1])
    model = keras.Model(rows, add_up(keras.ops.expand_dims(rows[:, -1:], 0), rows, encoded.shape[1], 1, layout))
    head = Numbers(following, ahead=True)
    return model, head, encoded, head.prepare(following)


def past_of(head: Numbers) -> Past:
    zero, one = head.prepare(np.array([0.0, 1.0])).tolist()
    return Past(zero, one - zero, 0.0)


def test_the_network_begins_at_the_line_and_the_line_is_laid_anew() -> None:
    model, head, encoded, scores = a_model(np.zeros(70))
    (line,) = [layer for layer in model.layers if isinstance(layer, Started)]
    start_linear(model, encoded[:40], scores[:40], past_of(head))
    before = np.abs(model(encoded[40:]).numpy()[0, :, 0] - scores[40:]).mean()
    assert before < 0.1
    cells = line.cells.numpy()
    refit_linear(model, head, encoded, scores)
    assert (line.cells.numpy() != cells).any()
    assert np.abs(model(encoded[40:]).numpy()[0, :, 0] - scores[40:]).mean() < before


@pytest.mark.parametrize(("worth", "share"), [(0.0, 0.0), (1.0, 1.0)])
def test_depth_stays_where_it_is_better_beyond_chance(worth: float, share: float) -> None:
    noise = np.random.default_rng(2).normal(size=70)
    model, head, encoded, scores = a_model(noise)
    (line,) = [layer for layer in model.layers if isinstance(layer, Started)]
    start_linear(model, encoded, scores, past_of(head))
    weigh_depth(model, head, encoded, scores + worth * encoded[:, -1])
    assert float(line.share) == share


@pytest.mark.parametrize(
    ("every", "live"),
    [(("month", 3), {0}), (("second", 604_800), {0}), (("second", 86_400), {0, 1}), (None, {0, 1, 2})],
)
def test_a_forecast_reads_of_its_moment_what_repeats(every: tuple[str, int] | None, live: set[int]) -> None:
    spec = Spec("y", "regression", (), None, "rmse", "minimize", 17, (Column("at", "datetime"),))
    table = Table(np.zeros((60, 0)), [[f"2020-{1 + row % 12:02}-{1 + row % 28:02}T05:00:00" for row in range(60)]])
    encoding = fit_encoding(table, spec)
    encoded = np.random.default_rng(1).normal(size=(60, encoding.width)).astype(np.float32)
    layout = find_layout(encoding, encoded, Forecast((), "at", STEPS, every))
    sines, cosines = {1 + number for number in live}, {4 + number for number in live}
    assert set(layout.plain(encoding.width)) == sines | cosines
    assert [(cycle.sine, cycle.cosine) for cycle in layout.cycles] == sorted(zip(sines, cosines, strict=True))
    assert not layout.has_pieces
    assert set(find_layout(encoding, encoded).plain(encoding.width)) == set(range(encoding.width))


@pytest.mark.parametrize("grows", [True, False])
def test_ranges_of_a_series_grow_where_its_errors_do(grows: bool) -> None:
    random, level = np.random.default_rng(4), np.linspace(10, 100, 400)
    errors = random.normal(size=400) * (0.1 * level if grows else 5.0)
    head = Numbers(level + errors, ahead=True)
    head.calibrate(head.prepare(level), level + errors)
    answers = head.unit.of(head.answer(head.prepare(np.array([10.0, 100.0]))[None, :, None]).numpy())
    width = answers[:, 2] - answers[:, 0]
    assert (width[1] > 5 * width[0]) == grows
    assert width[1] == pytest.approx(33 if grows else 16.5, rel=0.2)
