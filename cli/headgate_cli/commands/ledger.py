"""`runs`, `show`, `versions`, `releases` and `plan`: what has been, what serves now, and how the next would follow."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console

from headgate.domain.names import Project
from headgate_cli.commands import options
from headgate_cli.output import Output, moment_text, name_of, number_text


def runs(
    tenant: options.Tenant = options.DEFAULT_TENANT,
    project: Annotated[str | None, typer.Option(metavar="NAME", help="Only this project's.")] = None,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """List the runs of a tenant or of one project, the newest first."""
    out, owner = Output(as_json), Project(tenant, project) if project else None
    with options.cloud(stack) as cloud:
        from headgate_cli import astray
        from headgate_cli.runs import Records, run_document

        ledger = Records(cloud).ledger
        records = ledger.runs_of_project(owner) if owner else ledger.runs_of_tenant(tenant)
        documents = [run_document(record) for record in records]
        if not records and (hint := astray.hint(cloud, tenant, project)):
            out.note(hint)
    out.result({"runs": documents}, lambda console: _show_runs(console, documents, owner or tenant))


def show(
    run: Annotated[str, typer.Argument(metavar="RUN")],
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Show one run: how it ended and why, what was inferred, how good its model is."""
    with options.cloud(stack) as cloud:
        from headgate_cli.following import Follower, utc_now
        from headgate_cli.freezes import frozen
        from headgate_cli.runs import Artifacts, Records, ref_of, run_document
        from headgate_cli.stages import seconds_by_stage

        record = Records(cloud).find_run(run)
        ref, artifacts = ref_of(record), Artifacts(cloud)
        report = artifacts.report(ref)
        document = run_document(record) | {
            "seconds": seconds_by_stage(Follower(cloud).look(ref).stages, utc_now()),
            "report": report,
            "evaluation": artifacts.evaluation(ref),
            "experiment": artifacts.experiment(ref),
            "links": artifacts.links(ref, report),
            "freeze": frozen(Records(cloud).ledger, ref.project),
        }
    Output(as_json).result(document, lambda console: _show_run(console, document))


def versions(
    project: options.ProjectName,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """List the versions of a project in the model registry, the newest first."""
    owner = Project(tenant, project)
    with options.cloud(stack) as cloud:
        from headgate_cli.judgements import formats_by_version
        from headgate_cli.registry import registered_versions
        from headgate_cli.runs import Records

        formats = formats_by_version(Records(cloud).ledger.runs_of_project(owner))
        unknown = {"format": None, "bought": None, "metric": None}
        documents = [each | formats.get(each["version"], unknown) for each in registered_versions(cloud, owner)]
    Output(as_json).result({"versions": documents}, lambda console: _show_versions(console, documents))


def releases(
    project: options.ProjectName,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only what served then, and why; ISO 8601, in UTC unless it says."),
    ] = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """List which versions were put in service and since when, or why they were not, the newest first."""
    owner = Project(tenant, project)
    with options.cloud(stack) as cloud:
        from headgate.domain.releases import served_at
        from headgate_cli.freezes import frozen
        from headgate_cli.runs import Records, moment_of, release_document

        if at is not None:
            moment = moment_of(at)
            found = served_at(Records(cloud).ledger.releases(owner), moment)
            served = {"at": moment, "release": release_document(found) if found is not None else None}
            Output(as_json).result(served, lambda console: _show_served(console, served))
            return
        ledger = Records(cloud).ledger
        document = {
            "releases": [release_document(release) for release in ledger.releases(owner)],
            "freeze": frozen(ledger, owner),
        }
    Output(as_json).result(document, lambda console: _show_releases(console, document))


def plan(
    project: options.ProjectName,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    stack: options.Stack = None,
    as_json: options.Json = False,
) -> None:
    """Show how the next version would go into service, and why so, before anything happens."""
    owner = Project(tenant, project)
    with options.cloud(stack) as cloud:
        from headgate_cli.rollouts import planned_rollout

        document = planned_rollout(cloud, owner, datetime.now(UTC))
    Output(as_json).result(document, lambda console: _show_plan(console, document))


def _capacity(document: Mapping[str, Any]) -> str:
    if (serverless := document.get("serverless")) is not None:
        return f"none: serverless, {serverless['memory_mb']} MB, {serverless['max_concurrency']} requests at once"
    return f"{document['stages'][-1]} x {document['instance_type']}"


def _show_plan(console: Console, document: Mapping[str, Any]) -> None:
    from headgate_cli.output import seconds_text
    from headgate_cli.tables import facts, rows

    facts(
        console,
        {
            "endpoint": document["endpoint"],
            "instances": _capacity(document),
            "first": document["trial"] or None,
            "strategy": document["strategy"].replace("_", " "),
            "because": document["reason"],
            "scaling": document["scaling"]["reason"],
            "alarms": " ".join(document["alarms"]),
        },
    )
    *before, every = document["stages"]
    waits = [*(document["bake_seconds"] for _ in before), document["keep_seconds"]]
    lines = (
        (number, f"{new} of {every}", seconds_text(wait))
        for number, (new, wait) in enumerate(zip(document["stages"], waits, strict=True), start=1)
    )
    if document["guarded"]:
        console.print()
        rows(console, ("step", "new instances with requests", "then watched for"), lines, empty="")


def _show_runs(console: Console, documents: list[dict[str, Any]], whose: Project | str) -> None:
    from headgate_cli.board import outcome_text
    from headgate_cli.tables import rows

    lines = (
        (d["run"], moment_text(d["arrived_at"]), outcome_text(d["state"]), d["version"], d["reason_code"])
        for d in documents
    )
    columns = ("run", "arrived", "state", "version", "why")
    rows(console, columns, lines, empty=f"{name_of(whose)} has no runs yet. `headgate drop FILE` starts one.")


def _show_versions(console: Console, documents: list[dict[str, Any]]) -> None:
    from headgate_cli.judgements import format_text
    from headgate_cli.tables import rows

    lines = (
        (d["version"], moment_text(d["created_at"]), d["approval"], format_text(d), d["description"]) for d in documents
    )
    rows(console, ("version", "registered", "approval", "format", "why"), lines, empty="No version is registered yet.")


def _show_releases(console: Console, document: Mapping[str, Any]) -> None:
    from headgate_cli.board import outcome_text
    from headgate_cli.rollouts import trial_facts
    from headgate_cli.tables import facts, rows

    lines = (
        (
            d["sequence"],
            d["version"],
            d["state"],
            d["format"],
            moment_text(d["in_service_at"]),
            outcome_text(d["outcome"]) if d["outcome"] else "",
            d["reason"],
        )
        for d in document["releases"]
    )
    columns = ("release", "version", "state", "format", "put in service", "outcome", "reason")
    rows(console, columns, lines, empty="Nothing was put in service yet.")
    newest = max(document["releases"], key=lambda each: int(each["sequence"]), default={"trial": None})
    if (trial := newest["trial"]) is not None:
        console.print()
        facts(console, trial_facts(trial))
    _show_freeze(console, document["freeze"])


def _show_freeze(console: Console, freeze: dict[str, Any] | None) -> None:
    from headgate_cli.freezes import frozen_text

    if freeze is not None:
        console.print(frozen_text(freeze), style="bold yellow", markup=False)


def _show_served(console: Console, document: Mapping[str, Any]) -> None:
    from headgate_cli.tables import facts

    release = document["release"]
    if release is None:
        console.print("Nothing was in service then.")
        return
    capacities = release["capacity_before"], release["capacity_after"]
    facts(
        console,
        {
            "release": release["sequence"],
            "version": release["version"],
            "in service since": moment_text(release["in_service_at"]),
            "why": release["reason"],
            "how": (release["plan"] or {}).get("reason"),
            "under watch": (release["verdict"] or {}).get("reason"),
            "when tried": (release["trial"] or {}).get("said"),
            "run": release["run"],
            "archive": release["model_data_url"],
            "image": release["image"],
            "alarms": ", ".join(release["alarms"] or []),
            "instances": " to ".join("none" if number is None else str(number) for number in capacities),
        },
    )


def _show_run(console: Console, document: Mapping[str, Any]) -> None:
    from headgate_cli.board import outcome_text, seconds_table
    from headgate_cli.judgements import judgement_facts
    from headgate_cli.retraining import retrain_facts
    from headgate_cli.tables import facts

    facts(
        console,
        {
            "run": document["run"],
            "data": document["name"],
            "arrived": moment_text(document["arrived_at"]),
            "ended": moment_text(document["ended_at"]),
            "outcome": outcome_text(document["state"]),
            "reason": document["reason"],
            "version": document["version"],
        }
        | retrain_facts(document["retrain"])
        | judgement_facts(document["metrics"])
        | {
            "seconds": seconds_table(document["seconds"]),
        }
        | _experiment_facts(document["experiment"])
        | _places(document),
    )
    _show_freeze(console, document["freeze"])
    console.print()
    _show_evaluation(console, document["evaluation"])
    _show_choices(console, document["report"])


def _places(document: Mapping[str, Any]) -> dict[str, str | None]:
    """Where to look: of refused data in quarantine, for nothing was made of them; of data never looked at nowhere."""
    links, looked_at = document["links"], document["report"] is not None
    if links["quarantine"] is not None:
        return {"quarantine": links["quarantine"]}
    return {"dataset files": links["dataset"] if looked_at else None, "run files": links["run"]}


def _experiment_facts(experiment: Mapping[str, Any] | None) -> dict[str, str]:
    """How a model was trained and what that cost, in a few words; nothing when there was no training."""
    if not experiment or not (job := experiment["job"]):
        return {}
    machines = f"{job['instance_count']} x {job['instance_type']}{', spot' if job['spot'] else ''}"
    facts = {"machines": machines, "cost, about": _cost_text(experiment)}
    if used := experiment["parameters"]:
        facts["training"] = (
            f"{used.get('family')}, {experiment['training']['epochs']} epochs, {used.get('optimizer')} at learning "
            f"rate {used.get('learning_rate')} ({used.get('schedule')}), {used.get('batch_size')} rows a step, "
            f"seed {used.get('seed')}"
        )
    return facts


def _cost_text(experiment: Mapping[str, Any]) -> str:
    """The estimate and its parts; records of older runs have that of the training only."""
    cost = experiment.get("cost") or {"estimated_usd": experiment["job"]["estimated_usd"], "parts": []}
    parts = ", ".join(f"{part['what']} {_usd_text(part['estimated_usd'])}" for part in cost["parts"])
    counted = f": {parts}; without {', '.join(cost['not_counted'])}" if parts else ""
    return f"{_usd_text(cost['estimated_usd'])}{counted}"


def _usd_text(usd: float | None) -> str:
    if usd is None:
        return "not known"
    return "under 0.0001 USD" if 0 < usd < 0.00005 else f"{usd:.4f} USD"


_WHO = {"challenger": "this model", "champion": "the champion then", "trivial": "guessing"}


def _show_evaluation(console: Console, evaluation: Mapping[str, Any] | None) -> None:
    from headgate_cli.tables import rows

    if not evaluation:
        return
    names = list(evaluation["challenger"])
    who_is = _WHO | ({"trivial": "repeating the past"} if evaluation.get("trivial_repeats") else {})
    lines = (
        (called, *(number_text(value) if (value := evaluation[who].get(name)) is not None else "" for name in names))
        for who, called in who_is.items()
        if evaluation.get(who)
    )
    columns = (f"on {evaluation['rows']} rows it never saw", *(name.replace("_", " ") for name in names))
    rows(console, columns, lines, empty="")


_ASKED = {
    "target": "target: what is predicted",
    "task": "task: kind of answer",
    "metric": "metric: what it is judged by",
    "positive": "positive: the class to find",
    "family": "family: kind of network",
}


def _show_choices(console: Console, report: Mapping[str, Any] | None) -> None:
    from headgate_cli.story import choices_of
    from headgate_cli.tables import rows

    if not report:
        return
    lines = [(_ASKED.get(choice.what, choice.what), choice.value, choice.why) for choice in choices_of(report)]
    if not lines and report.get("verdict") == "rejected":
        return  # it was refused before anything could be inferred
    rows(console, ("inferred from the data", "as", "because"), lines, empty="Nothing had to be inferred.")
    if lines:
        console.print(
            "What is wrong here is set right in project.yaml; docs/project-settings.md says how.", markup=False
        )
