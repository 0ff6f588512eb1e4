"""What is told of each epoch while training runs: a line in the log, a note in the history, scalars for TensorBoard."""

import math
import sys

import numpy as np

from headgate_training.checkpoints import History
from headgate_training.fitting import ENOUGH, Epoch
from headgate_training.metrics import Outcome, plain
from headgate_training.spec import Spec
from headgate_training.tensorboard import EventLog


class Reporter:
    """Keeps ``history``, and as the chief also prints a line for each epoch, made for metric definitions' expressions.

    ``objective`` is the metric of the epoch whose weights would be kept if training ended now. A tuning job takes the
    last value that a job told: with the epoch's own value, it would choose by an epoch that is thrown away.
    """

    def __init__(
        self, spec: Spec, target: np.ndarray, history: History, events: EventLog, *, is_chief: bool = True
    ) -> None:
        self._metric, self._target, self._history, self._events = spec.metric, target, history, events
        self._positive = spec.classes.index(spec.positive) if spec.positive else 0
        self._is_chief = is_chief

    def __call__(self, epoch: Epoch) -> None:
        """Tell of an epoch."""
        value = plain(self._metric, Outcome(self._target, epoch.predicted, self._positive))
        line = {"loss": epoch.loss, "val_loss": epoch.val_loss, f"val_{self._metric}": value}
        # JSON has no NaN: a metric that the validation part does not define is null.
        self._history.append(
            {name: float(f"{number:.6g}") if math.isfinite(number) else None for name, number in line.items()}
        )
        if not self._is_chief:
            return
        self._events.scalars(epoch.number, line)
        words = " ".join(f"{name}={number:.6g}" for name, number in line.items())
        sys.stdout.write(f"epoch={epoch.number} {words} objective={self._objective():.6g}\n")
        sys.stdout.flush()

    def _objective(self) -> float:
        lowest, objective = math.inf, math.nan
        for told in self._history:
            loss, value = told["val_loss"], told[f"val_{self._metric}"]
            if loss is not None and loss < lowest - ENOUGH:
                lowest, objective = loss, math.nan if value is None else value
        return objective
