"""The training job: from the parts of a dataset to a directory that can be served."""

import dataclasses
import importlib
import json
import math
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from headgate_training.compression import Compressor, convert
from headgate_training.encoding import Encoder, fit_encoding
from headgate_training.export import Served, export
from headgate_training.families import FAMILIES, wanted_of_text
from headgate_training.fitting import ENOUGH, Epoch, Part, fit
from headgate_training.golden import export_golden
from headgate_training.heads import choose_head
from headgate_training.layout import find_layout
from headgate_training.metrics import Outcome, plain
from headgate_training.parquet import read_parquet, read_target
from headgate_training.settings import Settings
from headgate_training.spec import Spec, read_spec
from headgate_training.trivial import fit_trivial
from headgate_training.wide import start_linear


@dataclass(frozen=True)
class Places:
    """Folders of a training job; no checkpoints or TensorBoard's logs without theirs."""

    train: Path
    validation: Path
    spec: Path
    model: Path
    output: Path
    checkpoints: Path | None = None
    tensorboard: Path | None = None


@dataclass
class Stopwatch:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block."""
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 4)


def train(places: Places, settings: Settings) -> dict[str, object]:
    """Run the job; return what it wrote to metrics.json. Problems with data or spec raise ValueErrors."""
    watch = Stopwatch()
    with watch.stage("read"):
        spec = read_spec(places.spec / "spec.json")
        table, target = read_parquet(places.train, spec), read_target(places.train, spec)
        val_table, val_target = read_parquet(places.validation, spec), read_target(places.validation, spec)
    settings = settings.chosen_for(len(target), spec.seed, spec.family, spec.metric)
    with watch.stage("encode"):
        encoding = fit_encoding(table, spec, wanted_of_text(settings.family))
        encoder = Encoder(encoding, spec)
        part, val_part = Part(encoder.encode(table), target), Part(encoder.encode(val_table), val_target)
    history: list[dict[str, float | None]] = []
    with watch.stage("fit"):
        keras.utils.set_random_seed(settings.seed)
        head = choose_head(spec, target, settings.class_weights)
        family = importlib.import_module(FAMILIES[settings.family])
        layout = find_layout(encoding, part.encoded)
        model = family.build(encoding.width, head.outputs, settings, layout)
        if spec.task == "regression":
            start_linear(model, encoding.width, layout, part.encoded, head.prepare(target))
        best = fit(model, head, part, val_part, settings, _reporter(spec, val_target, history))
    served = Served(model, head, encoding, spec)
    directory, extra = places.model / "1", places.model / "1" / "assets.extra"
    with watch.stage("export"):
        export(served, directory, spec)
        extra.mkdir(exist_ok=True)
        encoding.save(extra / "encoding.json")
        fit_trivial(target, spec).save(extra / "trivial.json")
        shutil.copyfile(places.spec / "spec.json", extra / "spec.json")
    with watch.stage("litert"):
        (extra / "model.litert").write_bytes(convert(served))
    with watch.stage("compress"):
        Compressor(model, head, encoding, spec, settings).compress(served, extra, part, val_part, layout)
    with watch.stage("golden"):
        export_golden(directory, extra / "golden.json", encoding, spec)
    metrics = {
        "format": 1,
        "fit_seconds": watch.seconds["fit"],
        "seconds": watch.seconds,
        "epochs": len(history),
        "best_epoch": best,
        "history": history,
        "parameters": model.count_params(),
        "rows": {"train": len(target), "validation": len(val_target)},
        "settings": dataclasses.asdict(settings),
        "seed": settings.seed,
    }
    places.output.mkdir(parents=True, exist_ok=True)
    (places.output / "metrics.json").write_text(json.dumps(metrics, indent=1, allow_nan=False), encoding="utf-8")
    return metrics


def _reporter(spec: Spec, target: np.ndarray, history: list[dict[str, float | None]]) -> Callable[[Epoch], None]:
    """Prints a line for each epoch, made for metric definitions' regular expressions, and keeps it in ``history``.

    ``objective`` is the metric of the epoch whose weights would be kept if training ended now. A tuning job takes the
    last value that a job told: with the epoch's own value, it would choose by an epoch that is thrown away.
    """
    positive = spec.classes.index(spec.positive) if spec.positive else 0
    lowest, objective = math.inf, math.nan

    def report(epoch: Epoch) -> None:
        nonlocal lowest, objective
        value = plain(spec.metric, Outcome(target, epoch.predicted, positive))
        line = {"loss": epoch.loss, "val_loss": epoch.val_loss, f"val_{spec.metric}": value}
        # JSON has no NaN: a metric that the validation part does not define is null.
        history.append({name: round(number, 6) if math.isfinite(number) else None for name, number in line.items()})
        if epoch.val_loss < lowest - ENOUGH:
            lowest, objective = epoch.val_loss, value
        words = " ".join(f"{name}={number:.4f}" for name, number in line.items())
        sys.stdout.write(f"epoch={epoch.number} {words} objective={objective:.6g}\n")
        sys.stdout.flush()

    return report
