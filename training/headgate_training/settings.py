"""Hyperparameters of a training job, with defaults that suit tables of some hundred to some 100,000 rows."""

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True)
class Settings:
    """Every field is a hyperparameter of the same name; 0 or None lets the data choose."""

    family: str = "dnn"
    epochs: int = 200
    """At most; training stops earlier when the validation loss no longer falls."""
    batch_size: int = 0
    learning_rate: float = 3e-3
    hidden_units: int = 64
    dropout: float = 0.2
    seed: int | None = None
    """None: the seed of spec.json."""
    patience: int = 0
    """Epochs without a better validation loss before training stops."""
    members: int = 0
    """Networks in an ensemble."""
    weight_decay: float = 0.1

    def chosen_for(self, rows: int, seed: int) -> Self:
        """The settings with every open choice made for a training part of so many rows.

        What an ensemble and patience buy shrinks as rows grow, and what they cost grows: few rows get many
        members and long patience.
        """
        members, patience = (8, 15) if rows < 5_000 else (4, 8) if rows < 50_000 else (2, 5)
        return replace(
            self,
            batch_size=min(rows, self.batch_size or max(32, min(512, rows // 16))),
            seed=seed if self.seed is None else self.seed,
            patience=self.patience or patience,
            members=self.members or members,
        )
