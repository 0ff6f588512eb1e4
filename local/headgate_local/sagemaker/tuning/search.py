"""Where to look next: Optuna's samplers and pruners behind AWS's strategies.

Importing this module imports Optuna (0.15 s), so the first tuning job imports it and nothing before.
"""

import copy
import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial, TrialState, create_trial

from headgate_local.sagemaker.tuning.ranges import Choices, Range, combinations

optuna.logging.set_verbosity(optuna.logging.WARNING)

Strategy = Literal["Bayesian", "Random", "Grid", "Hyperband"]
STARTUP = 5
"""Jobs that Bayesian search spreads at random before it learns from them."""
REDUCTION = 3
"""Of the jobs of a Hyperband rung one in so many goes on. AWS says that its Hyperband is ASHA (Li et al., "A System for
Massively Parallel Hyperparameter Tuning", 2020), and neither with which reduction nor in which brackets: here it is one
bracket that begins at MinResource. A job that is out is stopped; SageMaker lets none wait and go on."""


@dataclass(frozen=True)
class Plan:
    """What a search is made of."""

    strategy: Strategy
    maximize: bool
    ranges: tuple[Range, ...]
    seed: int | None = None
    early_stopping: bool = False
    """TrainingJobEarlyStoppingType Auto."""
    resources: tuple[int, int] = (1, 1)
    """MinResource and MaxResource of Hyperband, in readings of the objective (one an epoch)."""


class Grid(optuna.samplers.GridSampler):
    """Optuna's, but that at its end it does not stop a loop that a study which is asked and told does not have."""

    def after_trial(self, *_: Any) -> None:
        """Leave the study as it is."""


class Search:
    """Asks for the hyperparameters of the next job, and is told what became of it. Safe to use from many threads."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._lock = threading.Lock()
        self._space = {each.name: _distribution(each) for each in plan.ranges}
        self._study = optuna.create_study(
            direction="maximize" if plan.maximize else "minimize", sampler=_sampler(plan), pruner=_pruner(plan)
        )
        self._trials: dict[int, Trial] = {}
        self.asked = 0
        """How many jobs it was asked for."""

    @property
    def judges(self) -> bool:
        """Whether jobs may be stopped before their end, so that their readings matter."""
        return self.plan.early_stopping or self.plan.strategy == "Hyperband"

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left to try: a grid ends, the other strategies do not."""
        return self.plan.strategy == "Grid" and self.asked >= combinations(self.plan.ranges)

    def learn(self, tried: Iterable[tuple[Mapping[str, str], float]]) -> int:
        """Start from what others have tried: hyperparameters as text, and the objective.

        Those that lie outside the ranges are left out; answers how many were of use. A grid has nothing to learn.
        """
        learnt = 0
        if self.plan.strategy == "Grid":
            return learnt
        with self._lock:
            for texts, objective in tried:
                values = {each.name: each.value(texts[each.name]) for each in self.plan.ranges if each.name in texts}
                if len(values) < len(self.plan.ranges) or None in values.values():
                    continue
                params = {each.name: _inward(each, values[each.name]) for each in self.plan.ranges}
                self._study.add_trial(create_trial(params=params, distributions=self._space, value=objective))
                learnt += 1
        return learnt

    def ask(self) -> tuple[int, dict[str, str]]:
        """The number of a new job, and its tuned hyperparameters as text."""
        with self._lock:
            trial = self._study.ask(self._space)
            self._trials[trial.number] = trial
            self.asked += 1
            return trial.number, {
                each.name: each.text(_outward(each, trial.params[each.name])) for each in self.plan.ranges
            }

    def judge(self, number: int, readings: list[float], seen: int = 0) -> bool:
        """Whether a job with these readings of its objective so far should stop; the first ``seen`` are known."""
        with self._lock:
            trial = self._trials[number]
            return any(self._judge(trial, readings[:step]) for step in range(seen + 1, len(readings) + 1))

    def tell(self, number: int, objective: float | None, whole: bool = True) -> None:
        """How a job ended: its objective (None: it has none), and whether it ran as long as it wanted to."""
        with self._lock:
            trial = self._trials.pop(number)
            if objective is None or not math.isfinite(objective):
                self._study.tell(trial, state=TrialState.FAIL)
            elif whole:
                self._study.tell(trial, objective)
            else:
                self._study.tell(trial, state=TrialState.PRUNED)

    def _judge(self, trial: Trial, readings: list[float]) -> bool:
        step = len(readings)
        if self.plan.strategy == "Hyperband":
            low, high = self.plan.resources
            if step >= high:
                return True
            trial.report(readings[-1], step)
            return step >= low and trial.should_prune()
        if not self.plan.early_stopping:
            return False
        # AWS's rule: is this reading worse than the median of the running averages of the jobs before?
        trial.report(math.fsum(readings) / step, step)
        judged = copy.copy(self._study.get_trials(deepcopy=False)[trial.number])
        judged.intermediate_values = {step: readings[-1]}
        return self._study.pruner.prune(self._study, judged)


def _sampler(plan: Plan) -> optuna.samplers.BaseSampler:
    if plan.strategy == "Bayesian":
        return optuna.samplers.TPESampler(
            multivariate=True, constant_liar=True, n_startup_trials=STARTUP, seed=plan.seed
        )
    if plan.strategy == "Grid":
        space = {each.name: list(each.values) for each in plan.ranges if isinstance(each, Choices)}
        return Grid(space, seed=plan.seed)
    return optuna.samplers.RandomSampler(seed=plan.seed)


def _pruner(plan: Plan) -> optuna.pruners.BasePruner:
    if plan.strategy == "Hyperband":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=plan.resources[0], reduction_factor=REDUCTION)
    if plan.early_stopping:
        return optuna.pruners.MedianPruner(n_startup_trials=1)
    return optuna.pruners.NopPruner()


def _distribution(each: Range) -> BaseDistribution:
    if isinstance(each, Choices):
        return CategoricalDistribution(each.values)
    if each.whole:
        return IntDistribution(int(each.low), int(each.high), log=each.scale == "Logarithmic")
    if each.scale == "ReverseLogarithmic":
        return FloatDistribution(1 - each.high, 1 - each.low, log=True)
    return FloatDistribution(each.low, each.high, log=each.scale == "Logarithmic")


def _inward(each: Range, value: Any) -> Any:
    """A hyperparameter's value as Optuna sees it: near one, a reverse logarithmic one is its distance to one."""
    if isinstance(each, Choices) or each.scale != "ReverseLogarithmic":
        return value
    return min(max(1 - value, 1 - each.high), 1 - each.low)


def _outward(each: Range, value: Any) -> Any:
    """The way back; rounding must not lead out of the range."""
    if isinstance(each, Choices) or each.scale != "ReverseLogarithmic":
        return value
    return min(max(1 - value, each.low), each.high)
