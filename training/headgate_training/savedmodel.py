"""A SavedModel run as TensorFlow Serving runs it: by the names of its serving signature, without its Python."""

from pathlib import Path
from typing import Self

import numpy as np
import tensorflow as tf

from headgate_training.spec import Spec, read_spec
from headgate_training.table import Table

BATCH = 8192


class SavedModel:
    """The model of one version directory (``1/``), loaded into a session of its own: use it in ``with``."""

    def __init__(self, directory: Path) -> None:
        self.spec: Spec = read_spec(directory / "assets.extra" / "spec.json")
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            loaded = tf.compat.v1.saved_model.load(self._session, ["serve"], str(directory))
        signature = loaded.signature_def["serving_default"]
        self._inputs = {name: tensor.name for name, tensor in signature.inputs.items()}
        self._outputs = {name: tensor.name for name, tensor in signature.outputs.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def predict(self, table: Table) -> np.ndarray:
        """The outputs [rows, outputs] for a table: probabilities, or low, value and high."""
        names = ["probabilities"] if self.spec.task != "regression" else ["low", "value", "high"]
        columns = dict(zip(self.spec.numeric_names, table.numbers.T, strict=True)) | dict(
            zip(self.spec.text_names, table.texts, strict=True)
        )
        parts = []
        for start in range(0, len(table), BATCH):
            feed = {self._inputs[name]: values[start : start + BATCH] for name, values in columns.items()}
            fetched = self._session.run([self._outputs[name] for name in names], feed)
            parts.append(fetched[0] if len(fetched) == 1 else np.column_stack(fetched))
        return np.concatenate(parts)
