"""Captured rows counted as the containers count the training data: one meaning of every bin and category."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from headgate.domain.baseline import Baseline, Numbers
from headgate.domain.spec import Grid, SpecColumn, TrainingSpec
from headgate.tables.captures import read_captures
from headgate.tables.engine import Limits, opened
from headgate.tables.labelled import labelled, write_answers
from headgate.tables.observe import Observed, observe
from headgate_training.baseline import answers_of, features_of
from headgate_training.metrics import Outcome
from headgate_training.spec import Column, Spec
from headgate_training.spec import Grid as TrainedGrid
from headgate_training.table import Table

KINDS = {"age": "numeric", "x0": "numeric", "x1": "numeric", "ward": "categorical", "note": "text", "day": "datetime"}
SPEC = TrainingSpec(
    target="ill", task="binary", classes=["no", "yes"], positive="yes", metric="auc", direction="maximize", seed=1,
    columns=[SpecColumn(name=name, kind=kind) for name, kind in KINDS.items()],  # type: ignore[arg-type]
    grids=[Grid(name="scan", kind="image", shape=[1, 2, 1], columns=["x0", "x1"])], sensitive=["ward"],
)  # fmt: skip
TRAINED = Spec(
    "ill", "binary", ("no", "yes"), "yes", "auc", "maximize", 1,
    tuple(Column(name, kind) for name, kind in KINDS.items()),  # type: ignore[arg-type]
    (TrainedGrid("scan", "image", (1, 2, 1), ("x0", "x1")),), None,
)  # fmt: skip
Row = dict[str, Any]


def baseline_of(rows: list[Row]) -> Baseline:
    numbers = np.array([[_nan(row[name]) for name in ("age", "x0", "x1")] for row in rows])
    texts = [[row[name] or "" for row in rows] for name in ("ward", "note", "day")]
    scores = np.linspace(0.1, 0.9, len(rows))
    answers = answers_of(Outcome(np.zeros(len(rows)), np.column_stack([1 - scores, scores])), TRAINED)
    more = {"answers": answers, "quality": None, "importance": {}, "groups": {"ward": {"B1": [1, 2]}}}
    return Baseline.parse(features_of(Table(numbers, texts), TRAINED) | more)


def _nan(value: float | None) -> float:
    return np.nan if value is None else value


def captured(rows: list[Row]) -> str:
    scores = np.linspace(0.1, 0.9, len(rows)).tolist()
    told = [{"label": "yes" if score > 0.5 else "no", "probabilities": [1 - score, score]} for score in scores]
    asked = {"observedContentType": "application/json", "data": json.dumps({"instances": rows}), "encoding": "JSON"}
    answered = {"data": json.dumps({"predictions": told}), "encoding": "JSON"}
    about = {"eventId": "e", "inferenceId": "i", "inferenceTime": "2026-03-01T10:00:00Z"}
    return json.dumps({"captureData": {"endpointInput": asked, "endpointOutput": answered}, "eventMetadata": about})


def observed(rows: list[Row], baseline: Baseline, folder: Path) -> Observed:
    path = folder / "captured.jsonl"
    path.write_text(captured(rows))
    with opened(folder, Limits(memory_mb=128, threads=1)) as engine:
        read_captures(engine, [path], SPEC.columns)
        return observe(engine, baseline, SPEC)


NUMBER = st.none() | st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "age": NUMBER, "x0": NUMBER, "x1": NUMBER, "ward": st.sampled_from(["B1", "B2", "", "ü'\""]),
            "note": st.sampled_from(["", "good", "so gut"]), "day": st.sampled_from(["", "2026-01-01"]),
        }
    ),
    min_size=5, max_size=30,
)  # fmt: skip


@settings(max_examples=40)  # each opens an engine of its own
@given(ROWS)
def test_the_training_data_seen_again_is_what_it_was(tmp_path_factory: Any, rows: list[Row]) -> None:
    baseline = baseline_of(rows)
    seen = observed(rows, baseline, tmp_path_factory.mktemp("window"))
    for feature in baseline.features:
        found = seen.features[feature.name]
        assert (found.rows, found.missing) == (feature.rows, feature.missing), feature.name
        if isinstance(feature.spread, Numbers):
            if feature.of == "value":  # the means of grids are added up in another order, and edges lie on values
                assert list(found.counts) == list(feature.spread.counts)
            assert sum(found.counts) == sum(feature.spread.counts)
        else:
            assert found.counts == feature.spread.counts
            assert found.unknown == 0
    assert list(seen.answers.counts) == list(baseline.answers.spread.counts)


def patient(**changes: Any) -> Row:
    return {"age": 50.0, "x0": 1.0, "x1": 2.0, "ward": "B1", "note": "good", "day": "2026-01-01"} | changes


def test_what_lies_beyond_and_what_is_new_is_counted(tmp_path: Path) -> None:
    baseline = baseline_of([patient(age=float(age), ward=ward) for age in range(40, 60) for ward in ("B1", "B2")])
    rows = [patient(age=39.9), patient(age=59.5), patient(age=45.0), *[patient(ward="D4")] * 12, patient(ward="E5")]
    seen = observed(rows, baseline, tmp_path)
    assert seen.features["age"].beyond == (1, 1)
    ward = seen.features["ward"]
    assert (ward.counts, ward.unknown, ward.unknown_names) == ({"B1": 3}, 13, ["D4"])  # one E5 may be a slip of the pen
    assert seen.groups["ward"]["D4"][1] == 12


def test_labels_find_their_answers(tmp_path: Path) -> None:
    path = tmp_path / "captured.jsonl"
    path.write_text(captured([patient()] * 4))
    with opened(tmp_path, Limits(memory_mb=128, threads=1)) as engine:
        read_captures(engine, [path], SPEC.columns)
        write_answers(engine, tmp_path / "answers.parquet")
        labels, answers = tmp_path / "labels.jsonl", [tmp_path / "answers.parquet"] * 2
        kept = parquet.read_metadata(answers[0]).row_group(0).column(0)
        assert kept.compression == "ZSTD"  # a quarter of the bytes
        labels.touch()
        assert labelled(engine, answers, labels, SPEC.classes) == []
        told = [("i", 1, "no"), ("i", 1, "yes"), ("i", 3, "no"), ("j", 1, "yes")]
        named = ({"inference": i, "number": n, "truth": truth, "line": at} for at, (i, n, truth) in enumerate(told))
        labels.write_text("".join(f"{json.dumps(each)}\n" for each in named))
        rows = labelled(engine, answers, labels, SPEC.classes)
    assert [(row.label, row.told) for row in rows] == [(1, 0), (0, 1)]
