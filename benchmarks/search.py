"""Search: epochs that a tuning job trains until it is as good as a random search of 60 trials.

    python -m benchmarks.search [--json] [--seeds 20] [--record N]

What is trained once and kept in `search_curves.json`: whole learning curves of the family `dnn` (27 epochs, no early
stopping) for random settings of its ranges, on the public table `hpc` (4,331 rows, 4 classes), with the objective that
training reports. A forest learns the objective from settings and epoch (how well it tells curves held back is told) and
answers in the place of training, so that twenty searches take minutes and not days. The searches are the local cloud's
own (`headgate_local.sagemaker.tuning.search`), which stops trials as its tuning jobs do. A trial that is stopped counts
with the epochs that it trained.

The target is the best objective that random search found after sixty whole trials, for each seed its own. Told is how
many epochs a strategy needs to reach it, as a share of those 60 x 27; one that does not within as many counts as 1.
Told beside it is what the searches come to that the planner starts when nobody names a number of trials.
"""

import argparse
import json
import math
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.search_space import ranges_of, settings_of
from headgate_local.sagemaker.tuning.search import Plan, Search

CURVES = Path(__file__).with_name("search_curves.json")
TABLE, FAMILY = "hpc", "dnn"
EPOCHS, TRIALS = 27, 60
GOAL = 1 / 3
SHARE_HELD_BACK = 0.2
STRATEGIES = ("Random", "Random+median", "Bayesian", "Bayesian+median", "Hyperband")
"""`+median` is early stopping, TrainingJobEarlyStoppingType Auto. The planner chooses between the last two."""
PLANNED = {"Bayesian+median": 12, "Hyperband": 30}
"""Trials when a person names none."""
Curve = Callable[[dict[str, str]], list[float]]


class EnoughEpochs(Exception):
    """Raised to leave a training after its last epoch that is of interest."""


def record(count: int, seed: int = 17) -> None:
    """Train the curves and write them; every curve is written as soon as it is there, and those there are kept."""
    from benchmarks.public_tables import TABLES
    from benchmarks.quality import prepare

    ranges = ranges_of(FAMILY)
    search = Search(Plan("Random", True, ranges, seed=seed))
    kept: list[dict[str, Any]] = json.loads(CURVES.read_text()) if CURVES.exists() else []
    table = next(table for table in TABLES if table.name == TABLE)
    with tempfile.TemporaryDirectory() as place:
        spec = prepare(table, 0, Path(place))
        for number in range(count):
            _, texts = search.ask()
            if number < len(kept):
                continue
            curve = train_curve(Path(place), spec, settings_of(texts, ranges))
            kept.append({"settings": texts, "curve": [round(value, 5) for value in curve]})
            lines = ",\n".join(json.dumps(each) for each in kept)
            CURVES.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def train_curve(folder: Path, spec: dict[str, Any], given: dict[str, float]) -> list[float]:
    """The objective after each epoch: the metric at the epoch whose validation loss was the lowest so far."""
    import keras

    from headgate_training.encoding import Encoder
    from headgate_training.encoding_fit import fit_encoding
    from headgate_training.families import dnn
    from headgate_training.fitting import Epoch, Part, fit
    from headgate_training.heads import choose_head
    from headgate_training.layout import find_layout
    from headgate_training.metrics import Outcome, plain
    from headgate_training.parquet import read_parquet, read_target
    from headgate_training.settings import Settings
    from headgate_training.spec import read_spec

    keras.backend.clear_session()
    read = read_spec(folder / "spec" / "spec.json")
    tables = [read_parquet(folder / part, read) for part in ("train", "validation")]
    targets = [read_target(folder / part, read) for part in ("train", "validation")]
    settings = Settings(epochs=EPOCHS, patience=EPOCHS, **given).chosen_for(len(targets[0]), 17)  # type: ignore[arg-type]
    encoding = fit_encoding(tables[0], read)
    encoder = Encoder(encoding, read)
    parts = [Part(encoder.encode(each), target) for each, target in zip(tables, targets, strict=True)]
    keras.utils.set_random_seed(17)
    head = choose_head(read, targets[0])
    model = dnn.build(encoding.width, head.outputs, settings, find_layout(encoding, parts[0].encoded))
    curve: list[float] = []
    lowest, objective = float("inf"), 0.0

    def report(epoch: Epoch) -> None:
        nonlocal lowest, objective
        if epoch.val_loss < lowest:
            lowest = epoch.val_loss
            objective = plain(spec["metric"], Outcome(targets[1], epoch.predicted))
        curve.append(objective)
        if epoch.number == EPOCHS:
            raise EnoughEpochs

    try:
        fit(model, head, parts[0], parts[1], settings, report)
    except EnoughEpochs:
        return curve
    return curve + curve[-1:] * (EPOCHS - len(curve))


class Surrogate:
    """Answers in the place of training: a forest that learned the recorded curves."""

    def __init__(self, curves: list[dict[str, Any]], epochs: int = EPOCHS) -> None:
        from sklearn.ensemble import RandomForestRegressor

        self._names = list(curves[0]["settings"])
        self._logs = {each.name for each in ranges_of(FAMILY) if each.scale == "Logarithmic"}
        self._epochs = np.log(np.arange(1, epochs + 1))
        rows = np.concatenate([self._rows(each["settings"]) for each in curves])
        values = np.concatenate([np.asarray(each["curve"][:epochs]) for each in curves])
        # Trees of some depth tell neighbours apart; one feature in two keeps the settings' own effects.
        self._forest = RandomForestRegressor(200, min_samples_leaf=2, max_features=0.5, n_jobs=1, random_state=17)
        self._forest.fit(rows, values)
        self._known: dict[tuple[str, ...], list[float]] = {}

    def curve(self, settings: dict[str, str]) -> list[float]:
        """The objective after each epoch."""
        key = tuple(settings[name] for name in self._names)
        if key not in self._known:
            self._known[key] = [float(value) for value in self._forest.predict(self._rows(settings))]
        return self._known[key]

    def _rows(self, settings: dict[str, str]) -> np.ndarray:
        values = [
            math.log(float(settings[name])) if name in self._logs else float(settings[name]) for name in self._names
        ]
        return np.column_stack([np.tile(values, (len(self._epochs), 1)), self._epochs])


def fit_of_held_back(curves: list[dict[str, Any]]) -> dict[str, float]:
    """How well the surrogate tells curves that it did not learn: R2 of all values, rank correlation of the last."""
    kept = int(len(curves) * (1 - SHARE_HELD_BACK))
    surrogate = Surrogate(curves[:kept])
    told = np.array([surrogate.curve(each["settings"]) for each in curves[kept:]])
    true = np.array([each["curve"] for each in curves[kept:]])
    ranks = np.array([np.argsort(np.argsort(values)) for values in (told[:, -1], true[:, -1])])
    return {
        "r2": float(1 - np.square(true - told).sum() / np.square(true - true.mean()).sum()),
        "rank": float(np.corrcoef(ranks)[0, 1]),
    }


def random_best(curve: Curve, seed: int) -> float:
    """The best objective of a random search of whole trials."""
    search = Search(Plan("Random", True, ranges_of(FAMILY), seed=1_000 + seed))
    return max(curve(search.ask()[1])[-1] for _ in range(TRIALS))


def trials(strategy: str, curve: Curve, seed: int) -> Iterator[tuple[int, float | None]]:
    """The trials of a strategy without end: epochs that each trained, and its objective if it was not stopped.

    They run one after the other, as those of a tuning job of one at a time do. A stopped one leaves no model to serve.
    Hyperband's MaxResource lies beyond a trial's last epoch, as the planner has it.
    """
    name = strategy.partition("+")[0]
    plan = Plan(
        name,  # type: ignore[arg-type]
        True,
        ranges_of(FAMILY),
        seed=seed,
        early_stopping=strategy.endswith("+median"),
        resources=(1, EPOCHS + 1) if name == "Hyperband" else (1, 1),
    )
    search = Search(plan)
    while True:
        number, texts = search.ask()
        values = curve(texts)
        trained = next((step for step in range(1, EPOCHS) if search.judge(number, values[:step], step - 1)), EPOCHS)
        search.tell(number, values[trained - 1], whole=trained == EPOCHS)
        yield trained, values[-1] if trained == EPOCHS else None


def epochs_to(target: float, strategy: str, curve: Curve, seed: int) -> int:
    """Epochs that a strategy trains until a trial of it is as good as the target; at most those of random search."""
    spent = 0
    for trained, objective in trials(strategy, curve, seed):
        spent += trained
        if objective is not None and objective >= target:
            return min(spent, TRIALS * EPOCHS)
        if spent >= TRIALS * EPOCHS:
            break
    return TRIALS * EPOCHS


def outcome(strategy: str, count: int, curve: Curve, seed: int) -> tuple[float, float]:
    """The best objective of so many trials, and the epochs that they trained in whole trials."""
    done = list(islice(trials(strategy, curve, seed), count))
    whole = [objective for _, objective in done if objective is not None]
    return max(whole), sum(trained for trained, _ in done) / EPOCHS


def measure(seeds: int) -> dict[str, Any]:
    """All strategies, each with all seeds."""
    curves = json.loads(CURVES.read_text())
    surrogate = Surrogate(curves)
    targets = [random_best(surrogate.curve, seed) for seed in range(seeds)]
    budget = TRIALS * EPOCHS
    found = {}
    for strategy in STRATEGIES:
        shares = [epochs_to(target, strategy, surrogate.curve, seed) / budget for seed, target in enumerate(targets)]
        found[strategy] = {
            "median_share": statistics.median(shares),
            "reached": sum(share < 1 for share in shares) / seeds,
        }
    planned = {}
    for strategy, count in PLANNED.items():
        best, spent = zip(*(outcome(strategy, count, surrogate.curve, seed) for seed in range(seeds)), strict=True)
        planned[strategy] = {"trials": count, "best": statistics.median(best), "whole_trials": statistics.mean(spent)}
    return {
        "curves": len(curves),
        "seeds": seeds,
        "surrogate": fit_of_held_back(curves),
        "strategies": found,
        "random_best": statistics.median(targets),
        "planned": planned,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--record", type=int, metavar="N", help="train curves until there are N, and write them")
    options = parser.parse_args()
    if options.record:
        record(options.record)
        return
    measured = measure(options.seeds)
    if options.json:
        print(json.dumps(measured))
        return
    fit = measured["surrogate"]
    print(
        f"surrogate of {measured['curves']} curves ({FAMILY} on {TABLE}): on a fifth held back R2 {fit['r2']:.2f}, "
        f"rank correlation {fit['rank']:.2f}"
    )
    print(
        f"epochs to the best of {TRIALS} random whole trials, as a share of their {TRIALS * EPOCHS}; "
        f"median of {measured['seeds']} seeds (goal of the product's strategies: at most {GOAL:.2f})"
    )
    for strategy, one in measured["strategies"].items():
        print(f"  {strategy:17} {one['median_share']:.2f}   reached by {one['reached']:.0%}")
    print(
        f"what the planner starts, beside the best of {TRIALS} random trials ({measured['random_best']:.4f}), medians"
    )
    for strategy, one in measured["planned"].items():
        print(
            f"  {strategy:17} {one['best']:.4f}   {one['trials']} trials, the epochs of {one['whole_trials']:.1f} whole"
        )


if __name__ == "__main__":
    main()
