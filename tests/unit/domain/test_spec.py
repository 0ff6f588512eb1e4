"""spec.json: what is said of new kinds of data, and that what says nothing is not in it."""

from headgate.domain.spec import Forecast, Grid, SpecColumn, TrainingSpec

PLAIN = TrainingSpec(
    target="y",
    task="regression",
    classes=None,
    positive=None,
    metric="rmse",
    direction="minimize",
    seed=17,
    columns=[SpecColumn(name="x", kind="numeric")],
)


def test_a_plain_table_says_nothing_of_other_kinds_of_data() -> None:
    assert list(PLAIN.model_dump()) == [
        "format",
        "target",
        "task",
        "classes",
        "positive",
        "metric",
        "direction",
        "seed",
        "columns",
    ]


def test_other_kinds_of_data_are_read_back_as_they_were_written() -> None:
    grid = Grid(name="pixel", kind="image", shape=[1, 1, 1], columns=["x"], high=255)
    forecast = Forecast(
        entity=["shop"],
        time="day",
        steps=2,
        channels=["y"],
        known=["day"],
        every=("second", 86400),
        time_format="%Y-%m-%d",
    )
    said = PLAIN.model_copy(update={"grids": [grid], "forecast": forecast, "sensitive": ["sex"], "family": "cnn"})
    assert TrainingSpec.model_validate_json(said.model_dump_json()) == said
