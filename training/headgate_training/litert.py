"""A model directory served without TensorFlow: numpy encodes, LiteRT runs the network."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from headgate_training.answers import Answer, answers
from headgate_training.encoding import Encoder, load_encoding
from headgate_training.spec import read_spec
from headgate_training.table import Row, RowReader, Table
from headgate_training.words import TrainingError

try:
    from ai_edge_litert.interpreter import Interpreter
except ModuleNotFoundError:  # as in SageMaker's TensorFlow image, which has its own copy of LiteRT
    import tensorflow

    Interpreter = tensorflow.lite.Interpreter

__all__ = ["BATCH", "FLOAT32", "FORMATS", "Interpreter", "LiteRtModel", "engine_file"]

BATCH = 4096
FLOAT32, PRUNED = "float32", "pruned"
"""What a version is sure to come in; and the folder of the pruned version in ``assets.extra``, where no model server
looks for one."""
FORMATS = (FLOAT32, "float16", "dynamic", "int8", PRUNED)
"""Formats that a version's network may come in."""


def engine_file(name: str) -> str:
    """The file of a format in ``assets.extra``; raises TrainingError for a name that is none.

    ``pruned`` is a version directory of its own there, for another network than that of the SavedModel beside it.
    """
    if name not in FORMATS:
        raise TrainingError(f"There is no format {name!r}; known: {', '.join(FORMATS)}.")
    own = {FLOAT32: "model.litert", PRUNED: f"{PRUNED}/assets.extra/model.litert"}
    return own.get(name, f"model.{name}.litert")


class LiteRtModel:
    """The model of one version directory (``1/``). Not for use by several threads at a time."""

    def __init__(self, directory: Path, engine: str = FLOAT32) -> None:
        extra = directory / "assets.extra"
        self.spec = read_spec(extra / "spec.json")
        self._reader = RowReader(self.spec.columns)
        encoding = load_encoding(extra / "encoding.json")
        self._encoder, self._unit = Encoder(encoding, self.spec), encoding.unit
        self._interpreter = Interpreter(model_path=str(extra / engine_file(engine)), num_threads=1)
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._rows = 0

    def answer(self, rows: Sequence[Row]) -> list[Answer]:
        """Answer the rows of a request; raises RequestError."""
        return answers(self.predict(self._reader.read(rows)), self.spec) if rows else []

    def predict(self, table: Table) -> np.ndarray:
        """The version's answers [rows, outputs] for a table; raises RequestError for text that is no datetime."""
        return self.run(self.encode(table))

    def encode(self, table: Table) -> np.ndarray:
        """The rows as the network takes them, in every format: float32 [rows, width]. Raises as `predict` does."""
        return self._encoder.encode(table)

    def run(self, encoded: np.ndarray) -> np.ndarray:
        """The version's answers [rows, outputs] for encoded rows."""
        if len(encoded) <= BATCH:
            return self._unit.of(self._run(encoded))
        parts = [self._run(encoded[start : start + BATCH]) for start in range(0, len(encoded), BATCH)]
        return self._unit.of(np.concatenate(parts))

    def _run(self, encoded: np.ndarray) -> np.ndarray:
        if len(encoded) != self._rows:
            self._interpreter.resize_tensor_input(self._input, encoded.shape)
            self._interpreter.allocate_tensors()
            self._rows = len(encoded)
        self._interpreter.set_tensor(self._input, encoded)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)
