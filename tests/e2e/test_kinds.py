"""Every kind of data goes from a dropped file to right answers, as a new user sees it: without any settings."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from headgate.domain.names import Project
from tests.pictures import archive

from .conftest import ROOT, Cloud, headgate

EXAMPLES = ROOT / "examples"
CANARY = "qzx-canary-"
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


def test_texts_are_promoted_and_rows_they_never_saw_answered(cloud: Cloud, tmp_path: Path) -> None:
    names, *rows = read("food_reviews.csv")
    file = tmp_path / "food_reviews.csv"
    file.write_text(text([names, *rows[:1200]]))
    assert promoted(cloud, file)["column review"].startswith("text: free text")
    unseen = rows[1200:1500]
    told = answers(cloud, "food-reviews", [names, *unseen])
    assert share_right(told, [row[-1] for row in unseen]) >= 0.72  # 0.70 is the commoner answer's share


def journeys(months: int, seed: int) -> Table:
    """Three routes that grow and have a season: what repeats the past comes late."""
    random = np.random.default_rng(seed)
    made: Table = [["month", "route", "passengers"]]
    for month in range(months):
        for number, route in enumerate(("coast", "hills", "lakes")):
            season = (20 + 10 * number) * np.sin(np.pi * month / 6)
            level = 100 * (number + 1) + 2 * month + season + 2 * random.normal()
            made.append([f"{2012 + month // 12}-{month % 12 + 1:02}-01", route, f"{level:.1f}"])
    return made


def test_series_are_forecast_for_each_entity(cloud: Cloud, tmp_path: Path) -> None:
    names, *rows = journeys(132, seed=41)
    newest = max(row[0] for row in rows)
    before = [row for row in rows if row[0] < newest]
    file = tmp_path / "journeys.csv"
    file.write_text(text([names, *before]))
    found = promoted(cloud, file)
    assert found["forecast"].startswith("12 steps of passengers for each route: month runs in steps of 1 month")
    assert found["family"] == "rnn: the data holds sequences"
    told = [answer["value"] for answer in answers(cloud, "journeys", [names, *before])]
    known = [float(row[2]) for row in rows if row[0] == newest]
    assert len(told) == len(known) == 3
    assert np.mean(np.abs(np.array(told) / known - 1)) < 0.1


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
                f"{CANARY}{machine:04}",
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
    told = cloud.told(Project("demo", "machines"))
    assert any("demo-machines" in text for text in told.values())
    assert [place for place, text in told.items() if CANARY in text] == []  # no value of a row is told anywhere


def stripes(count: int, seed: int) -> dict[str, bytes]:
    """Pictures of stripes by a folder for each direction, dim and noisy, as PNG and as JPEG."""
    random, files = np.random.default_rng(seed), {}
    for number in range(count):
        waves = np.sin(np.arange(12) * random.uniform(0.7, 1.3) + random.uniform(0, 6))
        level = number % 2 == 1
        pixels = 120 + 40 * np.tile(waves, (12, 1)) + random.normal(scale=25, size=(12, 12))
        form = ("PNG", "JPEG")[number % 3 == 0]
        content = io.BytesIO()
        Image.fromarray((pixels.T if level else pixels).clip(0, 255).astype(np.uint8)).save(content, form)
        files[f"stripes/{'level' if level else 'upright'}/{number:03}.{form.lower()}"] = content.getvalue()
    return files


def test_an_archive_of_pictures_is_promoted_and_pictures_are_answered(cloud: Cloud, tmp_path: Path) -> None:
    file, unseen = tmp_path / "stripes.zip", tmp_path / "unseen.zip"
    file.write_bytes(archive(stripes(200, seed=41)))
    unseen.write_bytes(archive(stripes(60, seed=42)))
    found = promoted(cloud, file)
    assert found["grid pixel"].startswith("image, 12 x 12 x 1: 200 pictures of 12 x 12 pixels, as they are, in gray")
    assert found["family"] == "cnn: the data holds images"
    code, answer = headgate(cloud, "predict", str(unseen), "--project", "stripes")
    assert code == 0, answer
    assert share_right(answer["predictions"], [name.split("/")[1] for name in answer["files"]]) >= 0.9


def test_an_archive_of_tables_is_refused_with_what_to_do(cloud: Cloud, tmp_path: Path) -> None:
    file = tmp_path / "tables.zip"
    file.write_bytes(archive({"digits.csv": (EXAMPLES / "digits.csv").read_bytes()}))
    code, answer = headgate(cloud, "drop", str(file), "--wait")
    assert (code, answer["outcome"], answer["reason_code"]) == (3, "REJECTED", "ZIP_FILE")
    assert "Unpack" in answer["reason"]
    kept = f"demo/tables/quarantine/{answer['dataset']}/tables.zip"
    body = cloud.client("s3").get_object(Bucket=cloud.card.artifact_bucket, Key=kept)["Body"].read()
    assert body == file.read_bytes()
