from typing import Any

from headgate_cli.judgements import format_text, formats_by_version, judgement_facts

DIFFERENCE = {"against": "champion", "level": 0.95, "estimate": 0.02, "low": 0.01, "high": 0.03}
JUDGED: dict[str, Any] = {
    "metric": "auc",
    "rows": 114,
    "challenger": {"auc": 0.97, "accuracy": 0.9},
    "champion": {"auc": 0.95},
    "trivial": {"auc": 0.5},
    "difference": DIFFERENCE,
    "newest": None,
    "decision": "pass",
    "format": "float32",
    "bought": None,
}
BOUGHT = {
    "before": {"bytes": 2 * 2**20, "p50_microseconds": 400.4, "value": 0.97},
    "after": {"bytes": 512 * 2**10, "p50_microseconds": 100.0, "value": 0.969},
    "difference": {"estimate": -0.001, "low": -0.002, "high": 0.0},
}


def test_the_gates_decision_is_told_with_its_numbers() -> None:
    assert judgement_facts(JUDGED) == {
        "gate": "pass; auc: challenger 0.97, champion 0.95, trivial 0.5; "
        "difference 0.02 (0.01 to 0.03) to the champion",
        "format": "float32",
    }


def test_a_run_that_was_never_judged_tells_nothing() -> None:
    assert judgement_facts({}) == {}


def test_a_refused_challenger_has_no_format() -> None:
    refused = {name: value for name, value in JUDGED.items() if name not in ("format", "bought")} | {"decision": "fail"}
    assert set(judgement_facts(refused)) == {"gate"}


def test_the_newest_data_is_told_where_it_was_compared() -> None:
    told = judgement_facts(JUDGED | {"newest": {"rows": 40, "difference": DIFFERENCE}})
    assert told["newest data"] == "difference 0.02 (0.01 to 0.03) on 40 rows"


def test_a_smaller_format_is_told_with_what_it_bought() -> None:
    assert format_text(JUDGED | {"format": "int8", "bought": BOUGHT}) == (
        "int8: 512 KB instead of 2.0 MB, 100 instead of 400 µs a row, auc 0.969 instead of 0.97, "
        "difference -0.001 (-0.002 to 0)"
    )


def test_formats_are_found_by_the_version_of_a_run(make_run: Any) -> None:
    runs = [
        make_run("aaaaaaaaaa", state="PROMOTED", version="1", metrics=JUDGED),
        make_run("bbbbbbbbbb", state="PROMOTED", version="2", metrics={"decision": "pass"}),  # from before formats
        make_run("cccccccccc", state="REJECTED"),
    ]
    assert formats_by_version(runs) == {"1": {"format": "float32", "bought": None, "metric": "auc"}}
