"""Poisoned and cheating challengers before the gate, each really trained, beside an honest one that has more rows.

    python -m benchmarks.poison [--seeds N] [--json]

A champion is trained on the clean rows of an example; each challenger on the same rows whose labels were shuffled,
turned in 5 or 20 % of the rows, or given away in a column that is noise in the holdout. `level` is trained on the
clean rows again, in another order. `honest` has them all and meets a champion of 60 rows. The table counts the
gate's answers. One short training each, so that a round takes seconds: the question is what the gate answers.
"""

import argparse
import json
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd

from benchmarks.trained import answers_of, lay_out, trained

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SETS = {
    "healthcare": ("healthcare_wdbc.csv", "diagnosis", "malignant"),
    "finance": ("finance_german_credit.csv", "risk", "bad"),
}
ATTACKS = ("shuffled", "poisoned 5 %", "poisoned 20 %", "leaked")
CHALLENGERS = (*ATTACKS, "level", "honest")
LEAK = "giveaway"
FEW = 60


class Arena:
    """One example, split once: a holdout, the champion's rows, and the rows of challengers."""

    def __init__(self, name: str, seed: int) -> None:
        file, self.target, self.positive = SETS[name]
        self.random = np.random.default_rng(seed)
        self.seed = seed
        frame = pd.read_csv(EXAMPLES / file).sample(frac=1, random_state=seed, ignore_index=True)
        numeric = frame.columns[[kind.kind in "if" for kind in frame.dtypes]]
        frame = frame.astype(dict.fromkeys(numeric, "float64"))
        holdout = len(frame) // 5
        self.holdout, known = frame[:holdout], frame[holdout:]
        self.known = known
        self.champion = self.train(known)

    def train(self, rows: pd.DataFrame) -> "np.ndarray":
        """Train on rows, four fifths for the weights; return the probabilities of the holdout, in order of classes."""
        holdout = self.holdout
        if LEAK in rows:
            noise = self.random.permutation(self.holdout[self.target].to_numpy() == self.positive)
            holdout = holdout.assign(**{LEAK: noise.astype(float)})
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            cut = len(rows) * 4 // 5
            parts = {"train": rows[:cut], "validation": rows[cut:], "test": holdout}
            lay_out(folder, parts, self.spec(rows))
            trained(folder, epochs=15, members=1, seed=self.seed)
            return answers_of(folder).astype(np.float64)

    def spec(self, rows: pd.DataFrame) -> dict[str, Any]:
        """The spec.json of these rows."""
        features = rows.drop(columns=self.target)
        kinds = {name: "numeric" if kind.kind == "f" else "categorical" for name, kind in features.dtypes.items()}
        return {
            "format": 1,
            "target": self.target,
            "task": "binary",
            "classes": self.classes,
            "positive": self.positive,
            "metric": "auc",
            "direction": "maximize",
            "seed": self.seed,
            "columns": [{"name": name, "kind": kind} for name, kind in kinds.items()],
        }

    @property
    def classes(self) -> list[str]:
        """Names of the classes in order."""
        return sorted(set(self.known[self.target]))

    def rows_of(self, challenger: str) -> pd.DataFrame:
        """What a challenger is trained on."""
        labels = self.known[self.target].to_numpy(dtype=object)
        first, second = self.classes
        match challenger:
            case "shuffled":
                return self.known.assign(**{self.target: self.random.permutation(labels)})
            case "poisoned 5 %" | "poisoned 20 %":
                share = 0.05 if challenger == "poisoned 5 %" else 0.2
                turned = self.random.random(len(labels)) < share
                other = np.where(labels == first, second, first)
                return self.known.assign(**{self.target: np.where(turned, other, labels)})
            case "leaked":
                return self.known.assign(**{LEAK: (labels == self.positive).astype(float)})
            case "level":
                return self.known.sample(frac=1, random_state=self.seed + 1)
        return self.known

    def judged(self, challenger: str) -> dict[str, Any]:
        """The gate's answer to a challenger, and the difference that was measured."""
        from headgate.domain.gate import GatePolicy, judge
        from headgate_training.bootstrap import LEVEL, paired_difference
        from headgate_training.metrics import Outcome, measure

        target = self.holdout[self.target].map(self.classes.index).to_numpy()
        positive = self.classes.index(self.positive)
        share = np.tile([np.mean(target == 0), np.mean(target == 1)], (len(target), 1))
        champion_outputs = self.train(self.known[:FEW]) if challenger == "honest" else self.champion
        own, champion, trivial = (
            Outcome(target, outputs, positive)
            for outputs in (self.train(self.rows_of(challenger)), champion_outputs, share)
        )

        def difference(rival: Outcome) -> dict[str, float]:
            return {"level": LEVEL, **vars(paired_difference("auc", "maximize", own, rival, self.seed))}

        evaluation = {
            "format": 2,
            "metric": "auc",
            "rows": len(target),
            "challenger": measure("binary", own),
            "champion": measure("binary", champion),
            "difference": {"against": "champion", **difference(champion)},
            "trivial_difference": difference(trivial),
            "parity": {"max_abs_error": 0.0},
        }
        judgement = judge(evaluation, GatePolicy())
        return {"decision": str(judgement.decision), "code": judgement.reason_code, **evaluation["difference"]}  # type: ignore[dict-item]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    answers: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for name in SETS:
        for seed in range(options.seeds):
            arena = Arena(name, seed)
            for challenger in CHALLENGERS:
                answers.setdefault((name, challenger), []).append(arena.judged(challenger))
    if options.json:
        print(json.dumps([{"set": name, "challenger": who, "answers": all_} for (name, who), all_ in answers.items()]))
        return
    print(f"{'set':12}{'challenger':15}{'pass':>6}{'open':>6}{'fail':>6}   mean difference of auc to the champion")
    for (name, who), given in answers.items():
        count = Counter(each["decision"] for each in given)
        mean = np.mean([each["estimate"] for each in given])
        print(f"{name:12}{who:15}{count['pass']:6}{count['inconclusive']:6}{count['fail']:6}   {mean:+.4f}")
    print("goal: shuffled, poisoned and leaked challengers never pass")


if __name__ == "__main__":
    main()
