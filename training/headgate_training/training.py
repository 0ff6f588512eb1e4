"""The training job: from the parts of a dataset to a directory that can be served."""

import dataclasses
import importlib
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from headgate_training.ahead import Past
from headgate_training.baseline import write_features
from headgate_training.checkpoints import NOTHING_KEPT, SECONDS, Checkpoints, Keeper
from headgate_training.compression import Frozen, compress, convert, freeze
from headgate_training.encoding import Encoder, Encoding, fit_encoding
from headgate_training.export import Served, export, export_code
from headgate_training.families import FAMILIES, wanted_of_text
from headgate_training.fitting import Circumstances, Part, fit
from headgate_training.golden import export_golden
from headgate_training.heads import choose_head
from headgate_training.identity import code_digest, data_digest, identity_of, versions
from headgate_training.layout import find_layout
from headgate_training.litert import PRUNED, engine_file
from headgate_training.parquet import read_parquet, read_target
from headgate_training.pruning import prune
from headgate_training.reporting import Reporter
from headgate_training.settings import Settings
from headgate_training.spec import Spec, read_spec
from headgate_training.table import Table
from headgate_training.tensorboard import EventLog
from headgate_training.trivial import fit_trivial
from headgate_training.wide import start_linear
from headgate_training.workers import ALONE, Workers


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


def _write_version(served: Served, directory: Path, encoding: Encoding, spec: Spec, spec_file: Path) -> Frozen:
    """A network as both engines run it, with its golden answers; returns it frozen."""
    extra = directory / "assets.extra"
    export(served, directory, spec)
    extra.mkdir(exist_ok=True)
    shutil.copyfile(spec_file, extra / "spec.json")
    frozen = freeze(served)
    (extra / engine_file("float32")).write_bytes(convert(frozen))
    export_golden(directory, extra / "golden.json", encoding, spec)
    return frozen


def _write_beside(extra: Path, encoding: Encoding, table: Table, target: np.ndarray, spec: Spec) -> None:
    """What was learnt of the training part beside the network."""
    encoding.save(extra / "encoding.json")
    fit_trivial(table, target, spec).save(extra / "trivial.json")
    write_features(table, spec, extra)


def train(
    places: Places, settings: Settings, workers: Workers = ALONE, checkpoint_seconds: float = SECONDS
) -> dict[str, object]:
    """Run the job; return what it wrote to metrics.json. Problems with data or spec raise ValueErrors.

    With several workers all of them run this, and the chief alone writes.
    """
    watch = Stopwatch()
    if settings.deterministic:
        tf.config.experimental.enable_op_determinism()
    with watch.stage("read"):
        data, code = data_digest(places.train, places.validation, places.spec), code_digest()
        spec = read_spec(places.spec / "spec.json")
        table, target = read_parquet(places.train, spec), read_target(places.train, spec)
        val_table, val_target = read_parquet(places.validation, spec), read_target(places.validation, spec)
    settings = settings.chosen_for(len(target), spec.seed, spec.family, spec.metric)
    with watch.stage("encode"):
        encoding = fit_encoding(table, spec, wanted_of_text(settings.family))
        encoder = Encoder(encoding, spec)
        part, val_part = Part(encoder.encode(table), target), Part(encoder.encode(val_table), val_target)
    keeper: Keeper = NOTHING_KEPT
    if places.checkpoints is not None:
        identity = identity_of(settings, data, code)
        keeper = Checkpoints(places.checkpoints, identity, checkpoint_seconds, writes=workers.is_chief)
    around = Circumstances([], keeper, workers)
    with watch.stage("fit"):
        keras.utils.set_random_seed(settings.seed)
        head = choose_head(spec, target, settings.class_weights)
        family = importlib.import_module(FAMILIES[settings.family])
        layout = find_layout(encoding, part.encoded, spec.forecast)
        model = family.build(encoding.width, head.outputs, settings, layout)
        if spec.task == "regression":
            start_linear(model, part.encoded, head.prepare(target), Past.of(spec, encoding, head))
        with closing(EventLog(places.tensorboard if workers.is_chief else None)) as events:
            report = Reporter(spec, val_target, around.history, events, is_chief=workers.is_chief)
            fitted = fit(model, head, part, val_part, settings, report, around)
    if not workers.is_chief:
        return {}
    served = Served(model, head, encoding, spec)
    directory, extra = places.model / "1", places.model / "1" / "assets.extra"
    with watch.stage("export"):
        frozen = _write_version(served, directory, encoding, spec, places.spec / "spec.json")
        _write_beside(extra, encoding, table, target, spec)
        export_code(places.model / "code")

    def make_pruned() -> bytes:
        keras.utils.set_random_seed(settings.seed or 0)
        small = prune(model, head, part, val_part, settings, layout, fitted.best)
        narrow = Served(small, head, encoding, spec)
        _write_version(narrow, extra / PRUNED, encoding, spec, places.spec / "spec.json")
        return (extra / engine_file("pruned")).read_bytes()

    with watch.stage("compress"):
        compress(frozen, extra, part.encoded, settings.seed, make_pruned)
    metrics = {
        "format": 1,
        "fit_seconds": round(watch.seconds["fit"] + (fitted.resumed.seconds if fitted.resumed else 0.0), 4),
        "seconds": watch.seconds,
        "epochs": len(around.history),
        "best_epoch": fitted.best,
        "resumed": {"stage": fitted.resumed.stage, "epoch": fitted.resumed.epoch} if fitted.resumed else None,
        "history": around.history,
        "parameters": model.count_params(),
        "rows": {"train": len(target), "validation": len(val_target)},
        "settings": dataclasses.asdict(settings),
        "seed": settings.seed,
        "data_digest": data,
        "code_digest": code,
        "versions": versions(),
        "workers": workers.count,
    }
    places.output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(metrics, indent=1, allow_nan=False)
    (places.output / "metrics.json").write_text(text, encoding="utf-8")
    # The evaluator has the model and not the job's other output, and its card tells how training went.
    (extra / "training.json").write_text(text, encoding="utf-8")
    return metrics
