"""A round of the reconciler: look at everything, repair what can be, tell people of the rest, and keep it on record."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from headgate.aws.errors import kind_of
from headgate.aws.events import BusRules
from headgate.aws.findings import FindingsOnRecord
from headgate.aws.sns import Topic
from headgate.aws.sqs import Queue
from headgate.domain.errors import BadKeyError, HeadgateError
from headgate.domain.incidents import Incident
from headgate.domain.names import SYSTEM, Project, dataset_id, parse_upload
from headgate.domain.reconcile import (
    CompletedUpload,
    Finding,
    FindingOnRecord,
    Kind,
    RuleNow,
    Seen,
    findings,
    findings_of_the_deployment,
    follow_up,
    is_due,
    scaled_by,
)
from headgate.domain.runs import Run
from headgate.services.deploy_release import standing_of
from headgate.services.object_created import ObjectCreated, parts_of
from headgate.services.repairs import Tools, repair


@dataclass(frozen=True, slots=True)
class Shared:
    """What all projects share, by name: rules of EventBridge, and queues of dead letters."""

    rules: BusRules
    rule_names: Iterable[str]
    queues: Mapping[str, Queue]


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Makes rounds; `tools` are those in the name of a tenant."""

    tools: Callable[[str], Tools]
    shared: Shared
    record: FindingsOnRecord
    topic: Topic
    now: str

    def round(
        self, projects: Iterable[Project], *, whole: bool, dry: bool = False, is_over: Callable[[], bool] = bool
    ) -> list[dict[str, Any]]:
        """Look at projects and, where all are meant (`whole`), at what they share.

        A project that cannot be looked at is a finding itself, and keeps no other from being looked at. With `dry`
        nothing is repaired, told or recorded. Of more projects than there is time for (`is_over`) the rest is left to
        the next round, which begins with them. People who cannot be told keep nothing from being repaired: `untold`
        says why of that finding, and the next round tells them.

        Returns:
            What was found: each with `kind`, `subject`, `tenant`, `project`, `said`, `done`, `page` and `untold`.
        """
        projects, known = list(projects), self.record.all()
        told: list[dict[str, Any]] = []
        keys: set[str] = set()
        looked: set[tuple[str, str]] = {("", "")} if whole else set()
        for project in self._in_turn(projects) if whole else projects:
            if is_over():
                if not dry:
                    self.record.leave(project.prefix)
                break
            tools = self.tools(project.tenant)
            seen, found = _found(project, tools)
            if seen is not None:
                looked.add((project.tenant, project.name))
            told += [self._follow(each, seen, tools, known, keys, dry=dry) for each in found]
        if whole:
            shared = findings_of_the_deployment(*self._shared())
            told += [self._follow(each, None, None, known, keys, dry=dry) for each in shared]
        if not dry:
            there = {(each.tenant, each.project) for each in known.values()} if whole else set()
            gone = there - {(each.tenant, each.name) for each in projects}
            self._close(known.values(), keys, looked | gone)
        return told

    def _in_turn(self, projects: Iterable[Project]) -> list[Project]:
        """From the one on that the last round left."""
        ordered, turn = sorted(projects, key=lambda each: each.prefix), self.record.turn()
        first = next((at for at, each in enumerate(ordered) if each.prefix >= turn), 0)
        return ordered[first:] + ordered[:first]

    def _shared(self) -> tuple[dict[str, RuleNow | None], dict[str, int]]:
        rules = {name: self.shared.rules.now(name) for name in self.shared.rule_names}
        return rules, {name: queue.waiting() for name, queue in self.shared.queues.items()}

    def _follow(
        self,
        finding: Finding,
        seen: Seen | None,
        tools: Tools | None,
        known: Mapping[str, FindingOnRecord],
        keys: set[str],
        *,
        dry: bool,
    ) -> dict[str, Any]:
        keys.add(finding.key)
        before = known.get(finding.key)
        followed = follow_up(finding, before)
        done = "to be repaired" if finding.is_repaired else "people are told"
        untold: str | None = None
        if not dry:
            if finding.is_repaired and seen is not None and tools is not None:
                done = _repaired(finding, seen, tools)
            if followed.page is not None:
                untold = self._tell(finding, followed.page, done)
                if untold is not None and not finding.is_repaired:
                    done = "people could not be told"
            rounds = followed.rounds if untold is None else followed.rounds - 1
            first = before.first_at if before is not None and followed.again else self.now
            self.record.keep(
                FindingOnRecord(
                    finding.key, str(finding.kind), finding.subject, finding.said, finding.tenant, finding.project,
                    rounds, first, done,
                )
            )  # fmt: skip
        return {**asdict(finding), "kind": str(finding.kind), "done": done, "page": followed.page, "untold": untold}

    def _tell(self, finding: Finding, page: str, done: str) -> str | None:
        """Tell people before it is recorded that they know: twice is better than never. None, or why they were not."""
        whose = f"{finding.tenant}/{finding.project}" if finding.project else "headgate"
        tried = f"What was tried: {done}\n" if finding.is_repaired else ""
        message = (
            f"{finding.subject}: {finding.said}\n\n{tried}What to do: docs/runbooks/{page}.md\n\n"
            "You are told once, until it changes. What else there is: headgate reconcile --dry-run\n"
        )
        attributes = {
            "outcome": "FOUND",
            "tenant": finding.tenant or SYSTEM,
            "project": finding.project or SYSTEM,
        }
        try:
            self.topic.publish(f"{whose}: {finding.kind}", message, attributes)
        except Exception as error:  # whatever it is, repairs do not wait for it
            return kind_of(error)
        return None

    def _close(self, known: Iterable[FindingOnRecord], found: set[str], looked: set[tuple[str, str]]) -> None:
        """What was not found any more is over, where it was looked for, or nothing is there any more."""
        for each in known:
            if each.key not in found and each.over_at is None and (each.tenant, each.project) in looked:
                self.record.keep(replace(each, over_at=self.now))


def _found(project: Project, tools: Tools) -> tuple[Seen | None, list[Finding]]:
    try:
        seen = look(project, tools)
        return seen, findings(seen)
    except Exception as error:  # whatever it is, the other projects are looked at
        said = f"The project could not be looked at: {kind_of(error)}."
        return None, [Finding(Kind.NOT_LOOKED_AT, project.endpoint, said, project.tenant, project.name)]


def _repaired(finding: Finding, seen: Seen, tools: Tools) -> str:
    try:
        return repair(finding, seen, tools)
    except HeadgateError as error:
        return f"not repaired: {error}"
    except Exception as error:  # whatever it is, the other findings are looked at; the next round tries again
        return f"not repaired: {kind_of(error)}"


def look(project: Project, tools: Tools) -> Seen:
    """A project as it is.

    What ended while it was looked at is not to be found. So the runs and incidents that seem to be left are read again
    after their executions, and what belongs to them is read last: a holder that has ended by then has given back all
    that it ever will, and one that is not known by then is new.
    """
    ledger = tools.ledger
    runs, incidents = ledger.runs_of_project(project), ledger.incidents(project)
    executions = {run.run: tools.trains.status(run.run) for run in runs if not run.ended}
    executions |= {each.incident: tools.responses.status(each.incident) for each in incidents if not each.ended}
    left = {name for name, status in executions.items() if status != "RUNNING"}
    runs = [_run_now(project, run, tools) if run.run in left else run for run in runs]
    incidents = [_incident_now(project, each, tools) if each.incident in left else each for each in incidents]
    releases = ledger.releases(project)
    seen = Seen(
        project=project,
        now=tools.now,
        head=ledger.head(project),
        runs=runs,
        releases=releases,
        incidents=incidents,
        lease=ledger.lease(project),
        endpoint=tools.endpoints.describe(project.endpoint) if releases else None,
        executions=executions,
        uploads=list(_uploads(project, tools)),
    )
    champion = seen.champion
    if champion is None:
        return seen
    standing, drift = standing_of(project, champion)
    names = [*(alarm.name for alarm in standing), drift.name]
    active = [*(alarm.name for alarm in standing if alarm.active), drift.name]
    scaling = tools.endpoints.scaling() if scaled_by(champion) is not None else None
    target = scaling.target(project.endpoint, tools.owner) if scaling is not None else None
    return replace(seen, all_alarms=names, standing=active, alarms=tools.alarms.active(names), target=target)


def _run_now(project: Project, run: Run, tools: Tools) -> Run:
    return tools.ledger.run(project, run.run) or run


def _incident_now(project: Project, incident: Incident, tools: Tools) -> Incident:
    return tools.ledger.incident(project, incident.incident) or incident


def _uploads(project: Project, tools: Tools) -> Iterable[CompletedUpload]:
    """The uploads of the last days that complete a dataset, with the runs that must have come of them."""
    for part, at in tools.objects.newest(tools.data_bucket, project.incoming):
        if not is_due(at, tools.now):
            continue
        try:
            upload = parse_upload(part.key)
        except BadKeyError:
            continue
        if upload is None or not upload.completes:
            continue
        event = ObjectCreated(tools.data_bucket, part.key, part.version_id, part.size, "", at)
        parts = parts_of(event, upload, tools.objects)
        if parts:
            run = project.run_id(dataset_id(tools.data_bucket, parts))
            yield CompletedUpload(part.key, part.version_id, part.size, at, run)
