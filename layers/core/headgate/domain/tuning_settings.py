"""What project.yaml says of the search for settings."""

from typing import Literal, Self

from pydantic import Field, model_validator

from headgate.domain.section import Section


class TuningSettings(Section):
    """The search for settings, by trials of training."""

    strategy: Literal["auto", "bayesian", "hyperband", "random", "off"] = Field(
        default="auto", description="how to search; `auto` chooses by what trials cost, `off` never searches"
    )
    trials: int | None = Field(
        default=None, ge=2, le=500, description="trainings to try beside the defaults; otherwise 12, or 30 of Hyperband"
    )
    minutes: float | None = Field(default=None, gt=0, le=1200, description="what the search may take, at most")
    money: float | None = Field(default=None, gt=0, description="what the search may cost, at most, in USD")
    parallel: int | None = Field(default=None, ge=1, le=10, description="trials at once; otherwise 2")
    family: str | None = Field(
        default=None, description="`auto` lets the search choose among all families that fit; or the name of one"
    )
    price: float | None = Field(default=None, gt=0, description="USD an hour of the machine, if its price is not known")

    @model_validator(mode="after")
    def _one_family_or_no_hyperband(self) -> Self:
        if self.family == "auto" and self.strategy == "hyperband":
            raise ValueError("family auto and strategy hyperband do not go together, as families share no epochs")
        return self

    @property
    def insists(self) -> bool:
        """Whether a person wants a search however few rows there are."""
        return self.trials is not None or self.strategy not in ("auto", "off") or self.family is not None

    @property
    def asked(self) -> bool:
        """Whether a person asked for a search, or gave it a budget."""
        return self.strategy != "off" and (self.insists or self.minutes is not None or self.money is not None)
