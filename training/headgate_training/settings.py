"""Hyperparameters of a training job, with defaults that suit tables of some hundred to some 100,000 rows."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Every field is a hyperparameter of the same name; None is chosen from the data."""

    family: str = "dnn"
    epochs: int = 200
    """At most; training stops earlier when the validation loss no longer falls."""
    batch_size: int | None = None
    learning_rate: float = 3e-3
    hidden_units: int = 64
    dropout: float = 0.2
    seed: int | None = None
    """None: the seed of spec.json."""
    patience: int = 15
    """Epochs without a better validation loss before training stops."""
    weight_decay: float = 0.1

    def batch(self, rows: int) -> int:
        """Rows in a step: the given number, or about a sixteenth of the data between 32 and 512."""
        return min(rows, self.batch_size or max(32, min(512, rows // 16)))
