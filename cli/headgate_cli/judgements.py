"""What the gate decided of a run, and the format that its version is served in, as people read it."""

from collections.abc import Iterable, Mapping
from typing import Any

from headgate.domain.formats import size_text
from headgate.domain.runs import Run
from headgate_cli.output import number_text


def judgement_facts(metrics: Mapping[str, Any]) -> dict[str, str]:
    """The gate's decision with the difference behind it, and the format; nothing where nothing was judged."""
    if not metrics.get("decision"):
        return {}
    facts = {"gate": f"{metrics['decision']}; {_contest_text(metrics)}"}
    if newest := metrics.get("newest"):
        facts["newest data"] = f"{_difference_text(newest['difference'])} on {newest['rows']} rows"
    return facts | ({"format": format_text(metrics)} if metrics.get("format") else {})


def format_text(metrics: Mapping[str, Any]) -> str:
    """The format that a version is served in and what it bought; empty where the record does not tell."""
    name, bought = metrics.get("format"), metrics.get("bought")
    if not name or not bought:
        return str(name or "")
    before, after = bought["before"], bought["after"]
    size = f"{size_text(after['bytes'])} instead of {size_text(before['bytes'])}"
    time = f"{after['p50_microseconds']:.0f} instead of {before['p50_microseconds']:.0f} µs a row"
    quality = f"{number_text(after['value'])} instead of {number_text(before['value'])}"
    return f"{name}: {size}, {time}, {metrics['metric']} {quality}, {_difference_text(bought['difference'])}"


def formats_by_version(runs: Iterable[Run]) -> dict[str, dict[str, Any]]:
    """`format`, what it `bought` and the `metric` of each version, as the run that made it has them."""
    return {
        run.version: {name: run.metrics.get(name) for name in ("format", "bought", "metric")}
        for run in runs
        if run.version and run.metrics.get("format")
    }


def _contest_text(metrics: Mapping[str, Any]) -> str:
    metric, difference = metrics["metric"], metrics["difference"]
    values = (
        f"{who} {number_text(metrics[who][metric])}"
        for who in ("challenger", "champion", "trivial")
        if metrics.get(who) and metrics[who].get(metric) is not None
    )
    return f"{metric}: {', '.join(values)}; {_difference_text(difference)} to the {difference['against']}"


def _difference_text(difference: Mapping[str, Any]) -> str:
    """A difference and where it surely lies; more is better."""
    ends = f"{number_text(difference['low'])} to {number_text(difference['high'])}"
    return f"difference {number_text(difference['estimate'])} ({ends})"
