"""Formats: bytes, time of one row and quality of each copy of a network, and which one the judge lets serve.

    python -m benchmarks.compression [--json]

A line for each family on data of its kind, with default settings; `dnn, wide` has 1,024 hidden units in 4 members, as
somebody may ask for. Formats are made by the training job as always, or skipped by it for want of anything to gain
(`headgate_training.compression`), and judged by the gate's rule on the test part (`headgate.domain.formats`).
"""

import argparse
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pandas as pd

from benchmarks.kinds import SETS, Kind, parts_of
from benchmarks.trained import lay_out, trained

EXAMPLES = Path(__file__).parents[1] / "examples"


def tumours() -> Kind:
    """A small table of measurements (examples/healthcare_wdbc.csv)."""
    frame = pd.read_csv(EXAMPLES / "healthcare_wdbc.csv").rename(columns={"diagnosis": "target"})
    return Kind(frame.sample(frac=1, random_state=0), "binary", [], {})


CASES: Mapping[str, tuple[Any, dict[str, Any]]] = {
    "dnn": (tumours, {"family": "dnn"}),
    "dnn, wide": (tumours, {"family": "dnn", "hidden_units": 1024, "members": 4, "epochs": 8}),
    "transformer": (tumours, {"family": "transformer"}),
    "cnn": (SETS["digits"], {"family": "cnn"}),
    "cnn, wide": (SETS["digits"], {"family": "cnn", "hidden_units": 128, "epochs": 8}),
    "rnn": (SETS["air"], {"family": "rnn"}),
}


def measure(kind: Kind, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The formats of a version that was trained so, and the judge's word."""
    from headgate.domain.formats import choose_format
    from headgate.domain.gate import GatePolicy
    from headgate_training.formats import formats_of
    from headgate_training.parquet import read_parquet, read_target
    from headgate_training.spec import read_spec

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(folder, parts_of(kind), kind.spec)
        metrics, _ = trained(folder, **settings)
        spec = read_spec(folder / "spec" / "spec.json")
        table, target = read_parquet(folder / "test", spec), read_target(folder / "test", spec)
        formats, _ = formats_of(folder / "model" / "1", table, target, spec)
    return {
        "metric": spec.metric,
        "formats": formats,
        "seconds": metrics["seconds"],
        "chosen": choose_format(formats, GatePolicy().margin).name,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cases", default=";".join(CASES), help="names, separated by semicolons")
    options = parser.parse_args()
    measured = {}
    for name in options.cases.split(";"):
        make, settings = CASES[name]
        measured[name] = found = measure(make(), settings)
        if not options.json:
            tell(name, found)
    if options.json:
        print(json.dumps(measured))


def tell(name: str, found: Mapping[str, Any]) -> None:
    """Print one case."""
    seconds = found["seconds"]
    share = f"{seconds['compress']:.1f} s of {sum(seconds.values()):.1f} s"
    print(f"{name}: {found['chosen']} serves; formats took {share}")
    for entry in found["formats"]:
        if entry["skipped"]:
            print(f"  {entry['name']:10}{entry['skipped']}")
            continue
        difference = entry["difference"]
        interval = f"{difference['low']:+.4f} to {difference['high']:+.4f}" if difference else ""
        cost = f"{entry['bytes'] / 1024:10.0f} KB{entry['p50_microseconds']:9.0f} us"
        print(f"  {entry['name']:10}{cost}  {found['metric']} {entry['value']:.4f}  {interval}")


if __name__ == "__main__":
    main()
