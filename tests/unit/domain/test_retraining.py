"""Which datasets a retraining learns from, and when there is none."""

import json
from dataclasses import replace
from typing import Any

import pytest

from headgate.domain.errors import SettingsError
from headgate.domain.names import Part
from headgate.domain.project import OF_TRAINING, ProjectSettings
from headgate.domain.project_file import parse_settings
from headgate.domain.retrain_settings import window_of
from headgate.domain.retraining import (
    PICTURES,
    Accepted,
    Chosen,
    Recipe,
    asked_for,
    choose,
    dataset_of,
    facts_of,
    identity,
    in_window,
    most_of,
    nothing_new,
    order_of,
    repeats,
)
from headgate.domain.runs import Head, Run, Start, Supersede, Wait, admit

RECIPE = Recipe("code", "settings")
AT = "2026-01-10T00:00:00Z"


def run(day: int, state: str = "NOT_PROMOTED", **changes: Any) -> Run:
    name = f"d{day:02}"
    known = Run(
        f"demo-iris-{name}", "demo", "iris", name, f"{name}.csv", f"2026-01-{day:02}T00:00:00Z|0",
        f"2026-01-{day:02}T00:00:01.000Z", state,
    )  # fmt: skip
    return replace(known, **changes)


def accepted(day: int, **changes: Any) -> Accepted:
    known = Accepted(run(day), [Part(f"{day}.csv", "v1", 100)], "CSV", ["a", "b"], RECIPE)
    return replace(known, **changes)


def taken(chosen: Chosen) -> list[str]:
    return [each.run.dataset for each in chosen.taken]


@pytest.mark.parametrize(
    ("window", "datasets"),
    [("all", ["d09", "d05", "d01"]), ("last:2", ["d09", "d05", "d01"]), ("days:5", ["d09", "d05"])],
)
def test_a_window_holds_uploads_that_were_not_refused_the_newest_first(window: str, datasets: list[str]) -> None:
    runs = [run(5), run(1), run(9), run(8, "REJECTED"), run(7, retrain={"request": "r"})]
    assert [each.dataset for each in in_window(runs, window, AT)] == datasets
    assert most_of(window) == (2 if window == "last:2" else None)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (accepted(1, columns=["b", "a"]), "other columns"),
        (accepted(1, kind="Parquet"), "it is Parquet, the newest is CSV"),
        (accepted(1, parts=[Part("1.csv", "v1", 950)]), "more than"),
    ],
)
def test_what_does_not_go_with_the_newest_is_left_out_by_its_reason(other: Accepted, says: str) -> None:
    chosen = choose([accepted(5), other], 1000)
    assert taken(chosen) == ["d05"]
    assert [each.name for each in chosen.left_out] == ["d01.csv"]
    assert says in chosen.left_out[0].why


def test_of_what_does_not_fit_all_that_is_older_is_left_out() -> None:
    large = accepted(3, parts=[Part("3.csv", "v1", 950)])
    assert taken(choose([accepted(5), large, accepted(1)], 1000)) == ["d05"]


def test_older_datasets_are_not_looked_at_where_there_is_no_room_for_them() -> None:
    looked = []
    for_each = (looked.append(day) or accepted(day, parts=[Part(f"{day}.csv", "v1", 400)]) for day in range(9, 0, -1))
    chosen = choose(for_each, 1000)
    assert (taken(chosen), looked) == (["d09", "d08"], [9, 8, 7])


def test_what_is_told_of_thousands_that_are_left_out_has_room_in_an_item_of_the_ledger() -> None:
    long = Part("demo/iris/incoming/" + "x" * 1000, "v" * 32, 1)
    facts = facts_of(choose([accepted(9), *[accepted(5, gone=long)] * 4000], 1000))
    assert len(json.dumps(facts)) < 100_000
    assert facts["left_out"][-1]["name"] == "3950 more"


def test_a_part_that_is_gone_is_named_and_the_next_dataset_gives_the_form() -> None:
    deleted = accepted(5, kind="Parquet", gone=Part("5.csv", "v9", 1))
    chosen = choose([deleted, accepted(4), accepted(3)], 1000)
    assert (taken(chosen), chosen.newest) == (["d04", "d03"], run(5).order)
    assert chosen.left_out[0].why == "5.csv (version v9) is deleted from the data bucket"


def test_archives_of_pictures_are_not_put_together() -> None:
    assert taken(choose([accepted(5, kind=PICTURES), accepted(4, kind=PICTURES)], 1000)) == ["d05"]


def test_parts_come_once_and_in_the_order_of_the_uploads() -> None:
    both = [Part("1.csv", "v1", 100), Part("5.csv", "v1", 100)]
    assert choose([accepted(5, parts=both), accepted(1)], 1000).parts == both


def test_data_code_and_settings_are_what_a_retraining_is() -> None:
    parts = [Part("a", "1", 1), Part("b", "1", 1)]
    whole = identity("data", parts, RECIPE)
    assert identity("data", reversed(parts), RECIPE) == whole
    others = {
        identity("data", parts[:1], RECIPE),
        identity("data", parts, Recipe("other", "settings")),
        identity("data", parts, Recipe("code", "other")),
    }
    assert len({whole, *others}) == 4
    assert len({dataset_of(whole, 0), dataset_of(whole, 1)}) == 2


@pytest.mark.parametrize(
    ("state", "code", "standing"),
    [
        ("FAILED", "TRAINING_FAILED", False),
        ("SUPERSEDED", "NEWER_VERSION", False),
        ("NOT_PROMOTED", "FROZEN", False),
        ("NOT_PROMOTED", "NOT_BETTER", True),
        ("PROMOTED", "SERVING", True),
        ("RUNNING", None, True),
    ],
)
def test_the_same_is_trained_again_only_if_nothing_was_learned_of_it(
    state: str, code: str | None, standing: bool
) -> None:
    before = run(7, state, reason_code=code, retrain={"request": "r", "identity": "w"})
    found, count = repeats([before], Chosen([accepted(5), accepted(4)]), "w", RECIPE)
    assert (found is not None, count) == (standing, 1)
    assert before.run in nothing_new(before)


def test_an_upload_that_is_all_there_is_was_trained_on_by_the_same_code_and_settings() -> None:
    alone = Chosen([accepted(5)])
    assert repeats([], alone, "w", RECIPE)[0] == run(5)
    assert repeats([], alone, "w", Recipe("newer", "settings"))[0] is None
    assert repeats([], Chosen([accepted(5, recipe=None)]), "w", RECIPE)[0] is None


def test_an_upload_that_waits_goes_before_a_retraining_and_takes_its_place() -> None:
    again, newer = order_of(run(5).order, AT, "r"), run(6)
    assert admit(Head(active="x", waiting=newer.run, waiting_order=newer.order), "again", again) == Supersede(newer.run)
    assert admit(Head(active="x", waiting="again", waiting_order=again), newer.run, newer.order) == Wait("again")
    assert admit(Head(active="x", waiting=run(5).run, waiting_order=run(5).order), "again", again) == Wait(run(5).run)
    assert admit(Head(), "again", again) == Start()


def test_a_request_finds_its_run() -> None:
    mine = run(7, retrain={"request": "r"})
    assert asked_for([run(5), mine], "r") == mine
    assert asked_for([run(5), mine], "s") is None


@pytest.mark.parametrize(
    ("text", "window"),
    [
        (b"", "all"),
        (b"retrain: {window: all}", "all"),
        (b"retrain: {window: {last: 5}}", "last:5"),
        (b"retrain: {window: 'days: 90'}", "days:90"),
    ],
)
def test_a_window_is_set_as_people_write_it(text: bytes, window: str) -> None:
    assert parse_settings(text).retrain.window == window


@pytest.mark.parametrize("text", [b"retrain: {window: {last: 0}}", b"retrain: {window: some}", b"retrain: {window: 3}"])
def test_a_window_that_is_none_is_refused(text: bytes) -> None:
    with pytest.raises(SettingsError, match=r"retrain\.window"):
        parse_settings(text)
    with pytest.raises(SettingsError, match="The window 'some' is not known"):
        window_of("some")


def test_a_schedule_that_cannot_be_read_is_refused() -> None:
    assert parse_settings(b"retrain: {schedule: '0 3 * * mon'}").retrain.schedule == "0 3 * * mon"
    with pytest.raises(SettingsError, match=r"retrain\.schedule.*five fields"):
        parse_settings(b"retrain: {schedule: rate(1 day)}")


def test_every_setting_is_of_training_or_is_known_not_to_be() -> None:
    judges = {"slices", "sensitive", "min_rows", "gate", "approval", "endpoint", "respond", "monitor", "retrain"}
    assert set(ProjectSettings.model_fields) == OF_TRAINING | judges
    same = [parse_settings(text).training_digest for text in (b"", b"gate: {margin: 0.1}", b"training: {epochs: 3}")]
    assert same[0] == same[1] != same[2]
