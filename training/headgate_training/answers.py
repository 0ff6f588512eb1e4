"""The answers of a model in the words of TensorFlow Serving's REST bodies."""

from typing import Any

import numpy as np

from headgate_training.spec import Spec

Answer = dict[str, Any]


def answers(outputs: np.ndarray, spec: Spec) -> list[Answer]:
    """One answer for each row of the network's output.

    Classes, from probabilities [rows, classes]: ``{"label": "malignant", "probabilities": [0.03, 0.97]}``.
    Numbers, from low, value, high [rows, 3]: ``{"value": 3.4, "low": 1.2, "high": 6.0}``.
    """
    if spec.task == "regression":
        return [{"value": value, "low": low, "high": high} for low, value, high in outputs.tolist()]
    return [
        {"label": spec.classes[probabilities.index(max(probabilities))], "probabilities": probabilities}
        for probabilities in outputs.tolist()
    ]
