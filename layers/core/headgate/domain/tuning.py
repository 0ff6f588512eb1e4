"""Whether a run searches for settings, how, and what that may cost: decided before anything is spent.

Few rows get the families' strong defaults instead of a search: there the best of a dozen trials on a small validation
part is the luckiest of them, not the best on rows that nobody saw (decision 0010 has the figures).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from headgate.domain.errors import SearchRefusedError
from headgate.domain.evidence import legible
from headgate.domain.prices import hourly_price
from headgate.domain.reasons import Reason
from headgate.domain.search_worth import ENOUGH_ROWS, is_to_be_planned

if TYPE_CHECKING:  # pydantic is slow to import, and who chooses a winner needs none of it
    from headgate.domain.families import Family
    from headgate.domain.spec import TrainingSpec
    from headgate.domain.tuning_settings import TuningSettings

TRIALS = {"bayesian": 12, "random": 12, "hyperband": 30}
"""Trials when a person names none."""
UNASKED_TRIALS, UNASKED_MINUTES, UNASKED_MONEY = 8, 15.0, 1.0
"""The budget of a search that nobody asked for."""
LEAST_TRIALS = 4
"""Fewer are no search."""
PARALLEL = 2
START_SECONDS, BILLED_START_SECONDS = 150.0, 60.0
"""From a job's creation to its first epoch, and what of it is paid: rough, as AWS promises neither."""
WHOLE_SHARE = 0.4
"""Of the epochs of whole trials, those that Hyperband trains: 0.2 as measured, 0.4 should AWS run several brackets."""
HYPERBAND_EPOCHS = 80
"""Of a Hyperband trial, at most. Trials are judged after 1, 3, 9, 27 and 81 epochs; none is on its way to be stopped at
its last."""
LONGEST_SECONDS, SHORTEST_SECONDS = 72_000, 600


@dataclass(frozen=True, slots=True)
class Facts:
    """What a search depends on. `fixed` are the hyperparameters that a person or the data has settled."""

    spec: "TrainingSpec"
    rows: int
    instance_type: str
    instance_count: int
    fixed: Mapping[str, str]
    family: str
    words: float = 0.0
    """Of free text in a row, on average, as far as training reads."""

    @property
    def cells(self) -> float:
        """What a row holds: columns, and of free text its words."""
        return max(1.0, sum(column.kind != "text" for column in self.spec.columns) + self.words)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the defaults and trials will take: within a factor of three where the data is like that of decision 0010."""

    trials: int
    minutes: float
    money: float
    """USD."""

    def __str__(self) -> str:
        money = f"{legible(self.money, 3)} USD"
        return f"{self.trials} trials beside the defaults, some {self.minutes:.0f} minutes and {money}"


@dataclass(frozen=True, slots=True)
class Defaults:
    """No search; `why` says so to a person."""

    why: str


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """A search: which families, how, how many trials, and what they may take at most."""

    families: "tuple[Family, ...]"
    strategy: str
    parallel: int
    estimate: Estimate
    max_seconds: int
    early_stopping: bool
    epochs: int | None
    """The most of a Hyperband trial, None for the other strategies."""
    why: str


def plan_search(
    settings: "TuningSettings", facts: Facts, families: "Mapping[str, Family]", limit: float
) -> Defaults | SearchPlan:
    """Decide. `limit` is what the tenant may spend on one search, in USD.

    Raises:
        SearchRefusedError: when what a person asked for cannot be, or would cost more than anybody allowed.
    """
    if not is_to_be_planned(settings, facts.rows):
        return Defaults("No search was asked for.")
    if not settings.insists and facts.rows < ENOUGH_ROWS:
        return Defaults(
            f"Trained with strong defaults: {facts.rows} training rows are too few for a search to beat them. "
            "Name tuning.trials to search all the same."
        )
    chosen = _families(settings, facts, families)
    trial = sum(_seconds(family, facts) for family in chosen) / len(chosen)
    price = hourly_price(facts.instance_type, settings.price)
    if price is None:
        if not settings.asked:
            return Defaults(f"Trained with defaults: the price of {facts.instance_type} is not known.")
        raise SearchRefusedError(
            Reason.TUNING_OVER_BUDGET,
            f"What a search on {facts.instance_type} costs cannot be estimated: its price is not known. "
            "Give it as tuning.price, in USD an hour.",
        )
    strategy = _strategy(settings, trial, several=len(chosen) > 1)
    share = WHOLE_SHARE if strategy == "hyperband" else 1.0
    rate = _Rate(trial, share, price * facts.instance_count, settings.parallel or PARALLEL)
    trials = _trials(settings, strategy, rate, limit, _combinations(chosen, facts))
    if isinstance(trials, Defaults):
        return trials
    parallel = min(rate.parallel, trials)
    estimate = replace(rate, parallel=parallel).of(trials)
    return SearchPlan(
        families=chosen,
        strategy=strategy,
        parallel=parallel,
        estimate=estimate,
        max_seconds=_most_seconds(settings, rate, trials, limit),
        early_stopping=strategy == "bayesian" and len(chosen) == 1,
        epochs=int(facts.fixed.get("epochs", HYPERBAND_EPOCHS)) if strategy == "hyperband" else None,
        why=f"Searched for settings: {estimate} were foreseen, by {strategy} search of "
        f"{' and '.join(family.family for family in chosen)}.",
    )


@dataclass(frozen=True, slots=True)
class _Rate:
    """What a whole training takes, a trial's share of that, and how trials add up behind the defaults."""

    seconds: float
    share: float
    price: float
    """USD an hour."""
    parallel: int

    @property
    def first_cost(self) -> float:
        return (BILLED_START_SECONDS + self.seconds) / 3600 * self.price

    @property
    def first_minutes(self) -> float:
        return (START_SECONDS + self.seconds) / 60

    @property
    def cost(self) -> float:
        return (BILLED_START_SECONDS + self.share * self.seconds) / 3600 * self.price

    @property
    def round_minutes(self) -> float:
        return (START_SECONDS + self.share * self.seconds) / 60

    def of(self, trials: int) -> Estimate:
        minutes = self.first_minutes + math.ceil(trials / self.parallel) * self.round_minutes
        return Estimate(trials, round(minutes, 1), round(self.first_cost + trials * self.cost, 4))

    def within_minutes(self, minutes: float) -> int:
        return max(0, int((minutes - self.first_minutes) / self.round_minutes + 1e-9)) * self.parallel

    def within_money(self, money: float) -> int:
        return max(0, int((money - self.first_cost) / self.cost + 1e-9))


def _families(settings: "TuningSettings", facts: Facts, families: "Mapping[str, Family]") -> "tuple[Family, ...]":
    if settings.family == "auto":
        fitting = tuple(
            family for family in families.values() if not family.misfit(facts.spec, facts.rows, facts.cells)
        )
        if fitting:
            return fitting
        raise SearchRefusedError(Reason.SETTINGS_INVALID, "tuning.family: no family fits this data.")
    name = settings.family or facts.family
    if name not in families:
        known = ", ".join(["auto", *families])
        raise SearchRefusedError(Reason.SETTINGS_INVALID, f"tuning.family: there is no family {name}; use {known}.")
    if misfit := families[name].impossible(facts.spec):
        raise SearchRefusedError(Reason.SETTINGS_INVALID, f"tuning.family: {name} does not fit the data, for {misfit}.")
    return (families[name],)


def _seconds(family: "Family", facts: Facts) -> float:
    """Of one whole trial's epochs: epochs x rows x cells of a row x what the family's file says a cell costs."""
    epochs = min(family.pace.epochs, int(facts.fixed.get("epochs", family.pace.epochs)))
    return epochs * facts.rows * facts.cells * family.pace.microseconds_per_cell / 1e6


def _strategy(settings: "TuningSettings", seconds: float, *, several: bool) -> str:
    """Hyperband where epochs are what is paid for; where starting jobs costs more, stopping them early saves little."""
    if settings.strategy != "auto":
        return settings.strategy
    enough = (settings.trials or TRIALS["hyperband"]) >= TRIALS["bayesian"]
    return "hyperband" if seconds > START_SECONDS and enough and settings.asked and not several else "bayesian"


def _combinations(families: "tuple[Family, ...]", facts: Facts) -> float:
    """How many different trials the ranges allow."""
    total = 0.0
    for family in families:
        open_ranges = [each for name, each in family.hyperparameters.items() if name not in facts.fixed]
        if not open_ranges:
            raise SearchRefusedError(
                Reason.SETTINGS_INVALID,
                f"training: settles everything that can be searched for {family.family}. Leave something open.",
            )
        total += math.prod(each.high - each.low + 1 if each.type == "integer" else math.inf for each in open_ranges)
    return total


def _trials(
    settings: "TuningSettings", strategy: str, rate: _Rate, limit: float, combinations: float
) -> int | Defaults:
    """How many. What was left open is fitted to the budget; what was asked for is refused where it does not fit."""
    if not settings.asked:
        money = min(UNASKED_MONEY, limit)
        trials = int(min(UNASKED_TRIALS, rate.within_minutes(UNASKED_MINUTES), rate.within_money(money), combinations))
        if trials < LEAST_TRIALS:
            return Defaults(
                f"Trained with defaults: a search of {LEAST_TRIALS} trials would take more than {UNASKED_MINUTES:.0f} "
                f"minutes or {legible(money, 4)} USD. Give a budget under tuning: to search all the same."
            )
        return trials
    bounds = [(rate.within_money(limit), f"the limit for this tenant is {legible(limit, 4)} USD")]
    if settings.money is not None:
        bounds.append((rate.within_money(settings.money), f"tuning.money is {legible(settings.money, 4)} USD"))
    if settings.minutes is not None:
        bounds.append((rate.within_minutes(settings.minutes), f"tuning.minutes is {settings.minutes:g}"))
    afforded, bound = min(bounds)
    wanted = int(min(settings.trials or TRIALS[strategy], combinations))
    needed = wanted if settings.trials else min(wanted, LEAST_TRIALS)
    if afforded < needed:
        raise SearchRefusedError(
            Reason.TUNING_OVER_BUDGET,
            f"The search was not started: {rate.of(needed)} are foreseen, but {bound}, enough for "
            f"{afforded or 'no'} trials. Ask for fewer trials, or raise the budget.",
        )
    return min(wanted, afforded)


def _most_seconds(settings: "TuningSettings", rate: _Rate, trials: int, limit: float) -> int:
    """When SageMaker ends the search whatever was estimated, so that no more is paid than was allowed.

    Money bounds the paid seconds of each of the parallel jobs; what their starts take unpaid is added. What the
    defaults are foreseen to take is set aside.
    """
    money = min(limit, UNASKED_MONEY if not settings.asked else settings.money or limit) - rate.first_cost
    unpaid = math.ceil(trials / rate.parallel) * (START_SECONDS - BILLED_START_SECONDS)
    seconds = money / rate.price * 3600 / rate.parallel + unpaid
    minutes = settings.minutes if settings.asked else 2 * UNASKED_MINUTES
    if minutes is not None:
        seconds = min(seconds, (minutes - rate.first_minutes) * 60)
    return int(max(SHORTEST_SECONDS, min(LONGEST_SECONDS, seconds)))
