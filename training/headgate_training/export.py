"""From a trained network to the directory that is served: a SavedModel and its LiteRT twin."""

import functools
import shutil
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from headgate_training import encoding_tf
from headgate_training.encoding import Encoding
from headgate_training.heads import Head
from headgate_training.spec import Spec


class Served:
    """The network with its head, for encoded rows, and the whole model, for raw columns."""

    def __init__(self, model: keras.Model, head: Head, encoding: Encoding, spec: Spec) -> None:
        self._spec, self._unit = spec, encoding.unit
        encoded = tf.TensorSpec([None, encoding.width], tf.float32, name="encoded")
        # Nothing here branches or loops by a tensor in Python; to rewrite it for that is most of what an export takes.
        traced = functools.partial(tf.function, autograph=False)
        self.network = traced(lambda rows: head.answer(model(rows, training=False)), [encoded])
        # Numbers are float64 because TensorFlow Serving refuses JSON integers beyond 2^24 for a float32 input.
        columns = [
            tf.TensorSpec([None], tf.float64 if column.kind == "numeric" else tf.string) for column in spec.columns
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
    """Write the SavedModel to ``directory``: a graph whose weights are constants, and whose signature has the columns'
    names.

    TensorFlow's own writer takes inputs' names from Python arguments, which columns need not be able to name, and adds
    what only further training reads; that takes twice the time here, and four times wherever the model is loaded.
    """
    answer = served.answer.get_concrete_function()
    frozen = convert_variables_to_constants_v2(answer, lower_control_flow=False)
    saved = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    graph = saved.meta_graphs.add(graph_def=frozen.graph.as_graph_def())
    graph.meta_info_def.tags.append("serve")
    graph.meta_info_def.tensorflow_version = tf.__version__
    signature = graph.signature_def["serving_default"]
    signature.method_name = "tensorflow/serving/predict"
    for column, tensor in zip(spec.columns, frozen.inputs, strict=True):
        signature.inputs[column.name].CopyFrom(_described(tensor))
    names = tf.nest.flatten({name: name for name in answer.structured_outputs})  # in the order of the outputs
    for name, tensor in zip(names, frozen.outputs, strict=True):
        signature.outputs[name].CopyFrom(_described(tensor))
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "saved_model.pb").write_bytes(saved.SerializeToString(deterministic=True))


def _described(tensor: tf.Tensor) -> meta_graph_pb2.TensorInfo:
    return meta_graph_pb2.TensorInfo(
        name=tensor.name, dtype=tensor.dtype.as_datatype_enum, tensor_shape=tensor.shape.as_proto()
    )


def export_code(folder: Path) -> None:
    """Write ``code/inference.py``, which SageMaker's container runs before the model, and the modules it needs."""
    ours = Path(__file__).parent
    package = folder / ours.name
    package.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ours / "inference.py", folder / "inference.py")
    for name in ("__init__.py", "bodies.py", "rows.py"):
        shutil.copyfile(ours / name, package / name)
