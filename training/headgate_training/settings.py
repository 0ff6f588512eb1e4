"""Hyperparameters of a training job. What a person leaves open, the family and the data choose."""

import importlib
from dataclasses import dataclass, replace
from typing import Self

from headgate_training.families import FAMILIES
from headgate_training.words import TrainingError

FALLBACK = "dnn"
NOUGHT_IS_A_CHOICE = ("dropout", "weight_decay")
OPTIMIZERS = ("adamw", "sgd")
CLASS_WEIGHTS = ("none", "balanced")
SGD_STRIDE = 30.0
"""Families say a learning rate for AdamW, whose steps do not depend on the size of a gradient; SGD takes so many times
as much (a rule of thumb, decision 0009), and so much less decay of weights, which counts times the rate."""


@dataclass(frozen=True)
class Settings:
    """Every field is a hyperparameter of the same name; 0 or None leaves it open."""

    family: str = ""
    """Open: the family that spec.json names, or else FALLBACK."""
    epochs: int = 200
    """At most; training stops earlier when the validation loss no longer falls."""
    batch_size: int = 0
    learning_rate: float = 0.0
    hidden_units: int = 0
    layers: int = 0
    dropout: float | None = None
    seed: int | None = None
    """None: the seed of spec.json."""
    patience: int = 0
    """Epochs without a better validation loss before training stops."""
    members: int = 0
    """Networks in an ensemble."""
    weight_decay: float | None = None
    optimizer: str = "adamw"
    momentum: float = 0.9
    """Of sgd, which takes Nesterov's step."""
    schedule: str = "constant"
    """The course of the learning rate over all epochs (``schedules``)."""
    class_weights: str = ""
    """Open: balanced for the metric balanced_accuracy, none for all others."""
    deterministic: bool = False
    """Every operation gives the same bits from the same input, at the cost of time."""

    def chosen_for(self, rows: int, seed: int, suited: str | None = None, metric: str = "") -> Self:
        """The settings with every open choice made for a training part of so many rows; ``suited`` is a family's name.

        Few strong defaults stand in for a search: the family's module says which (``defaults``), by the number of rows.
        Raises TrainingError for a family that there is not.
        """
        family = self.family or suited or FALLBACK
        if family not in FAMILIES:
            raise TrainingError(f"There is no family {family!r} of models; known: {', '.join(sorted(FAMILIES))}.")
        chosen = importlib.import_module(FAMILIES[family]).defaults(rows)
        opened = {name: value for name, value in chosen.items() if self._is_open(name)}
        if self.optimizer == "sgd":
            opened |= {name: opened[name] * SGD_STRIDE for name in ("learning_rate",) if name in opened}
            opened |= {name: opened[name] / SGD_STRIDE for name in ("weight_decay",) if name in opened}
        settled = replace(self, **opened, family=family, seed=seed if self.seed is None else self.seed)
        settled = replace(settled, class_weights=self.class_weights or _weights_for(metric))
        return replace(settled, batch_size=min(rows, settled.batch_size))

    def _is_open(self, name: str) -> bool:
        value = getattr(self, name)
        return value is None or (value == 0 and name not in NOUGHT_IS_A_CHOICE)


def _weights_for(metric: str) -> str:
    return "balanced" if metric == "balanced_accuracy" else "none"
