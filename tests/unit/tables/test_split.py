"""The split: stable, without rows that straddle, mixed, and the same again."""

import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from headgate.tables.engine import Limits, literal, opened
from headgate.tables.split import bucket_of


def number(rand: Any, _row: int) -> float:
    return round(rand.gauss(0, 1), 3)


def label(rand: Any, _row: int) -> str:
    return rand.choice(["no", "yes"])


def read(folder: Path, part: str) -> list[tuple[Any, ...]]:
    return duckdb.sql(f"FROM read_parquet('{folder}/{part}.parquet')").fetchall()


def all_rows(folder: Path) -> list[tuple[Any, ...]]:
    return [row for part in ("train", "validation", "test") for row in read(folder, part)]


def parts_of(answer) -> dict[tuple[Any, ...], str]:
    """The part of each row by its features; `a` and `b` of tables in this module."""
    return {row[:2]: part for part in ("train", "validation", "test") for row in read(answer.folder, part)}


def test_the_hash_is_the_one_that_existing_holdouts_were_made_with(tmp_path: Path) -> None:
    # When this fails after an upgrade of DuckDB, rows of live projects would move between their parts: do not adapt the
    # numbers, migrate the projects.
    rows = {
        (1.5, "malignant"): 49,
        (-0.0, None): 29,
        (None, "ä rather long text, longer than twelve bytes"): 29,
        (1e300, "2026-01-01T00:00:00"): 28,
        (float(2**53), "true"): 59,
    }
    values = ", ".join(
        f"({'NULL' if n is None else n}::DOUBLE, {'NULL' if t is None else literal(t)}::VARCHAR)" for n, t in rows
    )
    with opened(tmp_path, Limits()) as engine:
        found = engine.rows(f"SELECT n, t, {bucket_of(['n', 't'])} FROM (VALUES {values}) AS v (n, t)")
    assert {(n, t): bucket for n, t, bucket in found} == rows


def test_every_row_is_in_one_part_and_the_shares_are_right(examined, table) -> None:
    answer = examined(table(20_000, a=number, b=number, target=label))
    assert len(all_rows(answer.folder)) == sum(answer.findings.parts.values()) == 20_000
    shares = [answer.findings.parts[part] / 20_000 for part in ("train", "validation", "test")]
    assert shares == pytest.approx([0.65, 0.15, 0.20], abs=0.02)


def test_the_files_are_typed_as_the_contract_says(examined, table) -> None:
    answer = examined(
        table(
            300,
            n=number,
            flag=lambda rand, _: rand.choice(["TRUE", "false"]),
            day=lambda rand, _: f"{rand.randrange(1, 29):02}.03.2026",
            text=lambda rand, _: rand.choice(["x", "y", "NA"]),
            target=lambda rand, _: rand.choice([0, 1]),
        )
    )
    described = duckdb.sql(f"DESCRIBE FROM '{answer.folder}/train.parquet'").fetchall()
    assert [(row[0], row[1]) for row in described] == [
        ("n", "DOUBLE"),
        ("flag", "VARCHAR"),
        ("day", "VARCHAR"),
        ("text", "VARCHAR"),
        ("target", "VARCHAR"),
    ]
    rows = all_rows(answer.folder)
    assert {row[1] for row in rows} == {"true", "false"}
    assert all(row[2].startswith("2026-03-") and row[2].endswith("T00:00:00") for row in rows)
    assert {row[3] for row in rows} == {"x", "y", None}
    assert {row[-1] for row in rows} == {"0", "1"}


def test_equal_rows_share_a_part_whatever_their_label_and_key(examined, table) -> None:
    content = table(
        2000, id=lambda _, row: row, a=lambda rand, _: rand.randrange(30), b=lambda rand, _: rand.randrange(20), y=label
    )
    answer = examined(content)
    assert [column.name for column in answer.spec.columns] == ["a", "b"]
    found: dict[tuple[Any, ...], set[str]] = {}
    for part in ("train", "validation", "test"):
        for row in read(answer.folder, part):
            found.setdefault(row[:2], set()).add(part)
    assert {len(parts) for parts in found.values()} == {1}


def test_rows_of_one_identity_share_a_part(examined, table) -> None:
    content = table(2000, patient=lambda rand, _: rand.randrange(1, 300), a=number, b=number, y=label)
    answer = examined(content, settings="identity: [patient]")
    seen = [{row[0] for row in read(answer.folder, part)} for part in ("train", "validation", "test")]
    assert all(seen)
    assert sum(map(len, seen)) == len(set.union(*seen))


def test_a_row_stays_in_its_part_in_later_datasets(examined, table) -> None:
    content = table(2000, a=number, b=number, target=label)
    first = examined(content)
    header, *lines = content.decode().splitlines()
    later = [line + f",{index % 7}" for index, line in enumerate(reversed(lines)) if index % 3]
    second = examined("\n".join([header + ",extra", *later]).encode(), before=first.learned)
    assert second.code == "FIT", second.reason
    before, after = parts_of(first), parts_of(second)
    assert len(after) > 1000
    assert all(before[row] == part for row, part in after.items())


def test_the_order_of_rows_and_columns_does_not_matter(examined, table) -> None:
    content = table(1000, a=number, b=number, target=label)
    _, *lines = content.decode().splitlines()
    turned = [",".join([cells[1], cells[2], cells[0]]) for cells in (line.split(",") for line in reversed(lines))]
    one, other = examined(content), examined("\n".join(["b,target,a", *turned]).encode())
    assert parts_of(one) == {(row[1], row[0]): part for row, part in parts_of(other).items()}


def digests(folder: Path) -> list[str]:
    parts = ("train", "validation", "test")
    return [hashlib.sha256((folder / f"{part}.parquet").read_bytes()).hexdigest() for part in parts]


def test_the_same_upload_gives_the_same_files(examined, table) -> None:
    content = table(30_000, a=number, b=lambda rand, _: rand.choice("uvw"), c=number, target=label)
    assert digests(examined(content).folder) == digests(examined(content).folder)


def test_parts_keep_the_order_of_the_upload(examined, table) -> None:
    content = table(9000, a=lambda _, row: row + 0.5, b=number, target=label)
    folder = examined(content).folder
    parts = [[row[0] for row in read(folder, part)] for part in ("train", "validation", "test")]
    assert all(places == sorted(places) for places in parts)
    assert sorted(place for places in parts for place in places) == [row + 0.5 for row in range(9000)]


def test_a_class_that_misses_a_part_is_too_rare(examined, table) -> None:
    # 21 rows of the rare class that are equal in their features go to one part together.
    content = table(
        400, a=lambda rand, row: 99 if row < 21 else rand.random(), y=lambda _, row: "x" if row < 21 else "z"
    )
    assert examined(content, settings="trusted: [a]").code == "CLASS_TOO_RARE"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda header, lines: (header.replace("b", "bb"), lines), "b"),
        (lambda header, lines: (header, [line.replace(",", ",x", 1) for line in lines]), "was numeric and is now"),
        (lambda header, lines: (header, ["".join([",", line.split(",", 1)[1]]) for line in lines]), "no values"),
        (lambda header, lines: (header, [line.replace("yes", "maybe") for line in lines]), "classes"),
        (lambda header, lines: (header.replace("target", "goal"), lines), "target"),
    ],
)
def test_a_dataset_that_lost_what_the_champion_learned_is_refused(examined, table, change, says: str) -> None:
    header, *lines = table(400, a=number, b=number, target=label).decode().splitlines()
    champion = examined("\n".join([header, *lines]).encode())
    header, lines = change(header, lines)
    answer = examined("\n".join([header, *lines]).encode(), before=champion.learned)
    assert answer.code == "SCHEMA_CHANGED"
    assert says in answer.reason


@pytest.mark.parametrize(("factor", "said"), [(1000, "about 1,000 times what"), (0.01, "about 100 times less")])
def test_a_column_in_another_unit_is_refused_unless_it_is_trusted(examined, table, factor: float, said: str) -> None:
    def made(factor: float) -> bytes:
        return table(400, seed=8, a=number, b=lambda *given: factor * number(*given), target=label)

    champion = examined(made(1))
    answer = examined(made(factor), before=champion.learned)
    assert (answer.code, "numbers of b" in answer.reason, said in answer.reason) == ("UNIT_CHANGED", True, True)
    assert examined(made(factor), before=champion.learned, settings="trusted: [b]").code == "FIT"
    assert examined(made(factor), before=champion.learned, settings="columns: {b: drop}").code == "FIT"
    assert examined(made(5), before=champion.learned).code == "FIT"


@pytest.mark.parametrize(("ward", "code"), [("1", "FIT"), ("1.0", "SCHEMA_CHANGED")])
def test_decimal_numbers_of_a_file_that_says_so_are_no_codes(examined, table, ward: str, code: str) -> None:
    champion = examined(table(400, ward=lambda rand, _: rand.choice(["1", "2", "B3"]), a=number, target=label))
    rows = [
        f'{{"ward": {[ward, 2][row % 2]}, "a": {row + 0.5}, "target": "{["yes", "no"][row // 2 % 2]}"}}'
        for row in range(400)
    ]
    later = examined("\n".join(rows).encode(), before=champion.learned)
    assert later.code == code, later.reason
    if later.spec:
        assert {row[0] for row in all_rows(later.folder)} == {"1", "2"}


def slashed(days: int, form: str = "%d/%m/%Y"):
    return lambda rand, _: date(2024, rand.randint(1, 12), rand.randint(1, days)).strftime(form)


def test_the_champions_form_of_dates_holds_where_days_could_be_months(examined, table) -> None:
    champion = examined(table(400, when=slashed(28), a=number, target=label))
    content = table(400, seed=8, when=slashed(12), a=number, target=label)
    later = examined(content, before=champion.learned)
    assert (later.code, later.spec.columns) == ("FIT", champion.spec.columns)
    # With another time of day, the order of day and month is still the champion's.
    timed = examined(
        table(400, seed=8, when=slashed(12, "%d/%m/%Y 08:00"), a=number, target=label), before=later.learned
    )
    assert timed.spec.columns[0].datetime_format == "%d/%m/%Y %H:%M"
    written = {row[0] for part in (champion, later) for row in all_rows(part.folder)}
    assert {row[0][:10] for row in all_rows(timed.folder)} <= {value[:10] for value in written}


def test_dates_whose_day_and_month_changed_places_are_refused(examined, table) -> None:
    champion = examined(table(400, when=slashed(28), a=number, target=label))
    answer = examined(table(400, when=slashed(28, "%m/%d/%Y"), a=number, target=label), before=champion.learned)
    assert answer.code == "SCHEMA_CHANGED"
    assert "dates of when the month comes first now (%m/%d/%Y)" in answer.reason
    iso = examined(table(400, when=slashed(28, "%Y-%m-%d"), a=number, target=label), before=champion.learned)
    assert iso.code == "FIT", iso.reason


@pytest.mark.parametrize(("then", "now"), [("B3", "4"), ("maybe", "true")], ids=["numbers", "truth values"])
def test_categories_stay_so_where_only_some_of_their_values_come(examined, table, then: str, now: str) -> None:
    usual = {"4": "12", "true": "true false"}[now].split() if now == "true" else ["1", "2"]
    champion = examined(table(400, ward=lambda rand, _: rand.choice([*usual, then, now]), a=number, target=label))
    later = examined(
        table(400, ward=lambda rand, _: rand.choice([*usual, now]), a=number, target=label), before=champion.learned
    )
    assert later.code == "FIT", later.reason
    assert later.spec.columns == champion.spec.columns
    assert {row[0] for row in all_rows(later.folder)} == {*usual, now}
    # What project.yaml says and the champion does not know is refused as ever.
    said = examined(
        table(400, ward=lambda rand, _: rand.choice("124"), a=number, target=label),
        before=champion.learned,
        settings="columns: {ward: numeric}",
    )
    assert said.code == "SCHEMA_CHANGED"


def test_what_the_champion_learned_stays_in_use_and_task_and_class_with_it(examined, table) -> None:
    champion = examined(table(400, a=number, b=number, target=label))
    later = examined(table(400, seed=8, a=number, b=lambda *_: 1, target=label), before=champion.learned)
    assert later.spec.columns == champion.spec.columns
    assert later.spec.positive == champion.spec.positive
    dropped = examined(
        table(400, seed=8, a=number, b=number, target=label), before=champion.learned, settings="columns: {b: drop}"
    )
    assert [column.name for column in dropped.spec.columns] == ["a"]


def parts_by(answer, line: int = 0) -> dict[object, str]:
    """The part of each row by its number `a`."""
    return {row[line]: part for part in ("train", "validation", "test") for row in read(answer.folder, part)}


TOLD_APART = "identity: [who]\ncolumns: {who: drop}"


def told_apart(table, who, seed: int = 7) -> bytes:
    return table(400, seed=seed, who=who, a=lambda _, row: row // 4 + 0.5, b=number, target=label)


def test_an_identity_of_text_stays_so_though_all_of_it_are_numbers(examined, table) -> None:
    champion = examined(told_apart(table, lambda _, row: "A17" if row < 4 else row // 4), settings=TOLD_APART)
    content = told_apart(table, lambda _, row: row // 4, seed=8)
    # The report says how it was read; one of old does not, and then nobody knows.
    later = examined(content, settings=TOLD_APART, before=champion.learned)
    assert later.code == "FIT", later.reason
    before, after = parts_by(champion), parts_by(later)
    assert all(before[row] == part for row, part in after.items() if row != 0.5)
    unknown = examined(content, settings=TOLD_APART, before=replace(champion.learned, identified=()))
    assert parts_by(unknown) != after
    # Once more: what is recorded is how it was read for the champion, whatever it looked like since.
    assert parts_by(examined(content, settings=TOLD_APART, before=later.learned)) == after


@pytest.mark.parametrize(
    ("then", "now", "says"),
    [
        (
            lambda _, row: row // 4,
            lambda _, row: "A17" if row < 4 else row // 4,
            "was numeric and is now categorical (4",
        ),
        (lambda _, row: f"2024-03-{row // 20 + 1:02}", lambda _, row: row // 4, "was datetime and is now numeric"),
        (
            lambda _, row: f"{row // 20 + 1}/03/2024",
            lambda _, row: f"03/{row // 20 + 1}/2024",
            "who the month comes first",
        ),
        (lambda rand, _: rand.choice(["true", "FALSE"]), lambda rand, _: rand.choice("01"), "was boolean"),
    ],
)
def test_an_identity_that_is_read_otherwise_is_refused(examined, table, then, now, says: str) -> None:
    champion = examined(told_apart(table, then), settings=TOLD_APART.replace("[who]", "[who, a]"))
    assert champion.code == "FIT", champion.reason
    answer = examined(told_apart(table, now), settings="columns: {who: drop}", before=champion.learned)
    assert (answer.code, says in answer.reason) == ("SCHEMA_CHANGED", True), answer.reason


def test_identity_cannot_change_under_a_champion(examined, table) -> None:
    content = table(2000, who=lambda rand, _: rand.randrange(300), a=number, target=label)
    champion = examined(content, settings="identity: [who]")
    assert examined(content, before=champion.learned).findings.identity == ["who"]
    answer = examined(content, before=champion.learned, settings="identity: [a]")
    assert (answer.code, "identity" in answer.reason) == ("SETTINGS_INVALID", True)
