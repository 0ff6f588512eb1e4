"""A training job's work in this process, and the answers of what it exported: what benchmarks of quality share."""

import json
import os
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd


def lay_out(folder: Path, parts: Mapping[str, pd.DataFrame], spec: dict[str, Any]) -> None:
    """The files that a training job reads, and the test part beside them."""
    for part, frame in parts.items():
        (folder / part).mkdir()
        frame.to_parquet(folder / part / f"{part}.parquet", index=False)
    (folder / "spec").mkdir()
    (folder / "spec" / "spec.json").write_text(json.dumps(spec), encoding="utf-8")


def trained(folder: Path, name: str = "model", **settings: Any) -> tuple[dict[str, Any], float]:
    """Train a model of that name on what lies in a folder, its words in a file `log`; what it tells, and seconds."""
    from headgate_training.settings import Settings
    from headgate_training.training import Places, train

    begun = time.perf_counter()
    places = Places(folder / "train", folder / "validation", folder / "spec", folder / name, folder / f"{name}-out")
    with (folder / "log").open("w") as log, redirect_stdout(log):
        metrics = train(places, Settings(**settings))
    return metrics, time.perf_counter() - begun


def answers_of(folder: Path, name: str = "model") -> np.ndarray:
    """What the exported LiteRT model answers to the test part, in the columns of its head."""
    from headgate_training.litert import LiteRtModel
    from headgate_training.parquet import read_parquet

    model = LiteRtModel(folder / name / "1")
    return model.predict(read_parquet(folder / "test", model.spec))


def in_words(outputs: np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
    """The answers as the target has them: classes by their names, or amounts."""
    return outputs[:, 1] if spec["task"] == "regression" else np.array(spec["classes"])[outputs.argmax(axis=1)]
