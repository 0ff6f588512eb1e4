"""From a trained network to the directory that is served: a SavedModel and its LiteRT twin."""

import functools
import shutil
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from headgate_training import encoding_tf
from headgate_training.encoding import Encoding
from headgate_training.heads import Head
from headgate_training.spec import Spec


class Served(tf.Module):
    """The network with its head, for encoded rows, and the whole model, for raw columns."""

    def __init__(self, model: keras.Model, head: Head, encoding: Encoding, spec: Spec) -> None:
        super().__init__()
        self._spec, self._unit = spec, encoding.unit
        self.weights = [weight.value for weight in model.weights]
        encoded = tf.TensorSpec([None, encoding.width], tf.float32, name="encoded")
        # Nothing here branches or loops by a tensor in Python; to rewrite it for that is most of what an export takes.
        traced = functools.partial(tf.function, autograph=False)
        self.network = traced(lambda rows: head.answer(model(rows, training=False)), [encoded])
        # Numbers are float64 because TensorFlow Serving refuses JSON integers beyond 2^24 for a float32 input.
        columns = [
            tf.TensorSpec([None], tf.float64 if column.kind == "numeric" else tf.string, name=_argument(position))
            for position, column in enumerate(spec.columns)
        ]
        names = [column.name for column in spec.columns]
        self.answer = traced(
            lambda *values: self._as_named(
                self.network(encoding_tf.encode(encoding, dict(zip(names, values, strict=True))))
            ),
            columns,
        )

    def _as_named(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        if self._spec.task == "regression":
            numbers = self._unit.zero + self._unit.one * tf.cast(outputs, tf.float64)
            low, value, high = tf.unstack(numbers, axis=1)
            return {"value": value, "low": low, "high": high}
        labels = tf.gather(tf.constant(self._spec.classes), tf.argmax(outputs, axis=1))
        return {"label": labels, "probabilities": outputs}


def export(served: Served, directory: Path, spec: Spec) -> None:
    """Write the SavedModel to ``directory``; inputs of its signature are named as the raw columns are."""
    tf.saved_model.save(served, str(directory), signatures={"serving_default": served.answer})
    _name_inputs(directory / "saved_model.pb", spec)
    # Its checksum is of the file before the inputs were named; nothing but telemetry reads it.
    (directory / "fingerprint.pb").unlink(missing_ok=True)
    shutil.rmtree(directory / "assets", ignore_errors=True)


def export_code(folder: Path) -> None:
    """Write ``code/inference.py``, which SageMaker's container runs before the model, and the modules it needs."""
    ours = Path(__file__).parent
    package = folder / ours.name
    package.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ours / "inference.py", folder / "inference.py")
    for name in ("__init__.py", "bodies.py", "rows.py"):
        shutil.copyfile(ours / name, package / name)


def _argument(position: int) -> str:
    return f"column_{position}"


def _name_inputs(path: Path, spec: Spec) -> None:
    """Give the signature's inputs the names of the columns.

    TensorFlow builds signatures from Python arguments and so allows only names that Python does. The signature
    itself is a plain map from any name to a tensor, and that is all that TensorFlow Serving reads.
    """
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    inputs = saved.meta_graphs[0].signature_def["serving_default"].inputs
    tensors = [inputs[_argument(position)] for position in range(len(spec.columns))]
    named = {column.name: tensor.SerializeToString() for column, tensor in zip(spec.columns, tensors, strict=True)}
    inputs.clear()
    for name, tensor in named.items():
        inputs[name].ParseFromString(tensor)
    path.write_bytes(saved.SerializeToString())
