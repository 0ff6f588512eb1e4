"""Every kind of data goes from a dropped file to right answers, as a new user sees it: without any settings."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .conftest import ROOT, Cloud, headgate

EXAMPLES = ROOT / "examples"
Table = list[list[str]]


def read(name: str) -> Table:
    """An example's rows, the names first."""
    with (EXAMPLES / name).open(newline="") as lines:
        return list(csv.reader(lines))


def text(rows: Table) -> str:
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    return lines.getvalue()


def promoted(cloud: Cloud, file: Path) -> dict[str, str]:
    """Drop a file, which must be promoted; returns what was inferred of it, with the reason behind each value."""
    code, answer = headgate(cloud, "drop", str(file), "--wait")
    assert (code, answer["outcome"]) == (0, "PROMOTED"), answer
    against = answer["metrics"]["difference"]
    assert (against["against"], against["low"] > 0) == ("trivial", True)  # better beyond chance
    report = cloud.json(f"demo/{answer['project']}/datasets/{answer['dataset']}/report.json")
    assert report["settings"]["version_id"] is None
    return {each["what"]: f"{each['value']}: {each['why']}" for each in report["inferred"]}


def answers(cloud: Cloud, project: str, rows: Table) -> list[dict[str, Any]]:
    """What `headgate predict` answers to rows, names first; they may hold the target, as those of training do."""
    code, answer = headgate(cloud, "predict", "-", "--project", project, given=text(rows))
    assert code == 0, answer
    return list(answer["predictions"])


def share_right(told: list[dict[str, Any]], known: list[str]) -> float:
    return float(np.mean([answer["label"] == label for answer, label in zip(told, known, strict=True)]))


@pytest.mark.parametrize(
    ("name", "dropped", "held_back", "inferred", "least"),
    [
        ("digits", 450, 300, {"grid pixel": "image, 8 x 8 x 1: 64 columns pixel_0_0 to pixel_7_7"}, 0.9),
        ("food_reviews", 1200, 300, {"column review": "text: free text"}, 0.72),  # 0.70 is the commoner answer's share
    ],
)
def test_images_and_texts_are_promoted_and_rows_they_never_saw_answered(
    cloud: Cloud, tmp_path: Path, name: str, dropped: int, held_back: int, inferred: dict[str, str], least: float
) -> None:
    names, *rows = read(f"{name}.csv")
    file = tmp_path / f"{name}.csv"
    file.write_text(text([names, *rows[:dropped]]))
    found = promoted(cloud, file)
    for what, begins in inferred.items():
        assert found[what].startswith(begins)
    if name == "digits":
        assert found["family"] == "cnn: the data holds images"
    unseen = rows[dropped : dropped + held_back]
    told = answers(cloud, name.replace("_", "-"), [names, *unseen])
    assert share_right(told, [row[-1] for row in unseen]) >= least


def test_series_are_forecast_for_each_entity(cloud: Cloud, tmp_path: Path) -> None:
    names, *rows = read("arrivals.csv")
    newest = max(row[0] for row in rows)
    before = [row for row in rows if row[0] < newest]
    file = tmp_path / "arrivals.csv"
    file.write_text(text([names, *before]))
    found = promoted(cloud, file)
    assert found["forecast"].startswith("12 steps of arrivals for each origin: quarter runs in steps of 3 months")
    assert found["family"] == "rnn: the data holds sequences"
    told = [answer["value"] for answer in answers(cloud, "arrivals", [names, *before])]
    known = [float(row[2]) for row in rows if row[0] == newest]
    assert len(told) == len(known) == 4
    assert np.mean(np.abs(np.array(told) / known - 1)) < 0.2


def readings(rows: int, seed: int) -> Table:
    """Machines of many codes with dates in the words of Europe and gaps: the warm months and the load decide."""
    random = np.random.default_rng(seed)
    made: Table = [["machine", "inspected", "load", "indoors", "state"]]
    for machine, day, load in zip(
        random.integers(1200, size=rows), random.integers(3 * 365, size=rows), random.normal(size=rows), strict=True
    ):
        date = np.datetime64("2021-01-01") + int(day)
        year, month, in_month = str(date).split("-")
        heat = 2 * np.cos(2 * np.pi * (int(month) - 7) / 12)
        worn = heat + 2 * load + (machine % 2) > random.normal(scale=0.3)
        gap = random.random() < 0.03
        made.append(
            [
                f"M{machine:04}",
                f"{in_month}.{month}.{year}",
                "" if gap else f"{load:.3f}",
                "true" if machine % 2 else "false",
                "worn" if worn else "sound",
            ]
        )
    return made


def test_codes_dates_and_gaps_are_promoted(cloud: Cloud, tmp_path: Path) -> None:
    file = tmp_path / "machines.csv"
    file.write_text(text(readings(3000, seed=31)))
    found = promoted(cloud, file)
    assert found["column machine"].endswith(" different texts, each in several rows on average")
    assert found["column inspected"].startswith("datetime")
    assert found["column indoors"].startswith("boolean")
    unseen = readings(300, seed=32)
    told = answers(cloud, "machines", unseen)
    assert share_right(told, [row[-1] for row in unseen[1:]]) >= 0.85
