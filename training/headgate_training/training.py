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
from headgate_training.compression import compress, convert
from headgate_training.encoding import Encoder, Encoding
from headgate_training.encoding_fit import fit_encoding
from headgate_training.export import Served, export, export_code
from headgate_training.families import FAMILIES, wanted_of_text
from headgate_training.fitting import Circumstances, Fitted, Part, fit
from headgate_training.golden import export_golden
from headgate_training.heads import Head, Numbers, choose_head
from headgate_training.identity import code_digest, data_digest, identity_of, versions
from headgate_training.layout import Layout, find_layout
from headgate_training.litert import PRUNED, engine_file
from headgate_training.parquet import read_parquet, read_target
from headgate_training.pruning import prune
from headgate_training.reporting import Reporter
from headgate_training.settings import Settings
from headgate_training.slips import without_slips
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


def _write_version(served: Served, directory: Path, encoding: Encoding, spec: Spec, spec_file: Path) -> None:
    """A network as both engines run it, with its golden answers."""
    extra = directory / "assets.extra"
    export(served, directory, spec)
    extra.mkdir(exist_ok=True)
    shutil.copyfile(spec_file, extra / "spec.json")
    (extra / engine_file("float32")).write_bytes(convert(served))
    export_golden(served, extra / "golden.json", encoding, spec)


def _write_beside(extra: Path, encoding: Encoding, table: Table, target: np.ndarray, spec: Spec) -> None:
    """What was learnt of the training part beside the network."""
    encoding.save(extra / "encoding.json")
    fit_trivial(table, target, spec).save(extra / "trivial.json")
    write_features(table, spec, extra)


@dataclass(frozen=True)
class _Data:
    """The parts of a dataset as they were read, what a model is told of them, and the digests that name them."""

    spec: Spec
    table: Table
    target: np.ndarray
    val_table: Table
    val_target: np.ndarray
    left_out: int
    """Rows of both parts that are not learnt from."""
    data: str
    code: str

    @classmethod
    def read(cls, places: Places) -> "_Data":
        data, code = data_digest(places.train, places.validation, places.spec), code_digest()
        spec = read_spec(places.spec / "spec.json")
        parts = [(read_parquet(part, spec), read_target(part, spec)) for part in (places.train, places.validation)]
        rows = sum(map(len, (target for _, target in parts)))
        if spec.task == "regression" and spec.forecast is None:
            parts = without_slips(parts)
        (table, target), (val_table, val_target) = parts
        left_out = rows - len(target) - len(val_target)
        return cls(spec, table, target, val_table, val_target, left_out, data, code)

    def encoded(self, encoding: Encoding) -> tuple[Part, Part]:
        encoder = Encoder(encoding, self.spec)
        return Part(encoder.encode(self.table), self.target), Part(encoder.encode(self.val_table), self.val_target)


@dataclass(frozen=True)
class _Trained:
    """A model, and all that it was made with."""

    model: keras.Model
    head: Head
    encoding: Encoding
    spec: Spec
    part: Part
    val_part: Part
    settings: Settings
    layout: Layout
    fitted: Fitted

    def served(self) -> Served:
        return Served(self.model, self.head, self.encoding, self.spec)

    def pruned(self) -> Served:
        """With fewer hidden units, trained on from there."""
        keras.utils.set_random_seed(self.settings.seed or 0)
        best = self.fitted.best
        small = prune(self.model, self.head, self.part, self.val_part, self.settings, self.layout, best)
        return Served(small, self.head, self.encoding, self.spec)


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
        read = _Data.read(places)
    settings = settings.chosen_for(len(read.target), read.spec.seed, read.spec.family, read.spec.metric)
    with watch.stage("encode"):
        encoding = fit_encoding(read.table, read.spec, wanted_of_text(settings.family))
        parts = read.encoded(encoding)
    keeper: Keeper = NOTHING_KEPT
    if places.checkpoints is not None:
        identity = identity_of(settings, read.data, read.code)
        keeper = Checkpoints(places.checkpoints, identity, checkpoint_seconds, writes=workers.is_chief)
    around = Circumstances([], keeper, workers)
    with watch.stage("fit"), closing(EventLog(places.tensorboard if workers.is_chief else None)) as events:
        report = Reporter(read.spec, read.val_target, around.history, events, is_chief=workers.is_chief)
        trained = _fitted(encoding, read.spec, parts, settings, report, around)
    if not workers.is_chief:
        return {}
    _write_model(places, read, trained, watch)
    metrics = _metrics(read, trained, around, watch)
    places.output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(metrics, indent=1, allow_nan=False)
    (places.output / "metrics.json").write_text(text, encoding="utf-8")
    # The evaluator has the model and not the job's other output, and its card tells how training went.
    (places.model / "1" / "assets.extra" / "training.json").write_text(text, encoding="utf-8")
    return metrics


def _fitted(
    encoding: Encoding,
    spec: Spec,
    parts: tuple[Part, Part],
    settings: Settings,
    report: Reporter,
    around: Circumstances,
) -> _Trained:
    """A model of the family that the settings name, trained."""
    part, val_part = parts
    keras.utils.set_random_seed(settings.seed)
    head = choose_head(spec, part.target, settings.class_weights)
    family = importlib.import_module(FAMILIES[settings.family])
    layout = find_layout(encoding, part.encoded, spec.forecast)
    model = family.build(encoding.width, head.outputs, settings, layout)
    if isinstance(head, Numbers):
        start_linear(model, part.encoded, head.scores_of(part.target), Past.of(spec, encoding, head))
    fitted = fit(model, head, part, val_part, settings, report, around)
    encoding = dataclasses.replace(encoding, unit=head.unit)
    return _Trained(model, head, encoding, spec, part, val_part, settings, layout, fitted)


def _write_model(places: Places, read: _Data, trained: _Trained, watch: Stopwatch) -> None:
    """The version for both engines, its smaller forms, and what was learnt beside it."""
    directory, extra = places.model / "1", places.model / "1" / "assets.extra"
    served, encoding, spec_file = trained.served(), trained.encoding, places.spec / "spec.json"
    with watch.stage("export"):
        _write_version(served, directory, encoding, read.spec, spec_file)
        _write_beside(extra, encoding, read.table, read.target, read.spec)
        export_code(places.model / "code")

    def make_pruned() -> bytes:
        _write_version(trained.pruned(), extra / PRUNED, encoding, read.spec, spec_file)
        return (extra / engine_file("pruned")).read_bytes()

    with watch.stage("compress"):
        compress(served, extra, trained.part.encoded, trained.settings.seed, make_pruned)


def _metrics(read: _Data, trained: _Trained, around: Circumstances, watch: Stopwatch) -> dict[str, object]:
    """What training says of itself."""
    resumed = trained.fitted.resumed
    return {
        "format": 1,
        "fit_seconds": round(watch.seconds["fit"] + (resumed.seconds if resumed else 0.0), 4),
        "seconds": watch.seconds,
        "epochs": len(around.history),
        "best_epoch": trained.fitted.best,
        "resumed": {"stage": resumed.stage, "epoch": resumed.epoch} if resumed else None,
        "history": around.history,
        "parameters": trained.model.count_params(),
        "rows": {"train": len(read.target), "validation": len(read.val_target), "left_out": read.left_out},
        "settings": dataclasses.asdict(trained.settings),
        "seed": trained.settings.seed,
        "data_digest": read.data,
        "code_digest": read.code,
        "versions": versions(),
        "workers": around.workers.count,
    }
