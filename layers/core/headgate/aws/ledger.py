"""The ledger in DynamoDB.

Reads are consistent; every write is conditional, and what belongs together is one transaction.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from headgate.aws.audit import Trail
from headgate.aws.errors import accepted, translated
from headgate.aws.items import NEW, Write, as_item, as_values, built, fetched
from headgate.aws.ledger_changes import (
    LAST_WORDS,
    LEASES,
    NO_LAST_WORD,
    NOT_ENDED,
    OUTCOME_VALUES,
    Change,
    LeaseChanged,
    Writes,
    held,
    recorded_as,
)
from headgate.domain.audit import Author
from headgate.domain.audit import Change as Recorded
from headgate.domain.errors import LeaseLostError
from headgate.domain.freezes import Freeze
from headgate.domain.incidents import Incident
from headgate.domain.keys import (
    INCIDENT,
    OWNER,
    RELEASE,
    RUN,
    endpoint_key,
    incident_key,
    project_key,
    release_key,
    retrains_key,
    run_key,
    window_key,
)
from headgate.domain.lease import Lease, PlaceInLine, renew
from headgate.domain.names import Project
from headgate.domain.releases import Release
from headgate.domain.runs import Champion, Head, LastSearch, Run
from headgate.domain.window import Window


class Ledger:
    """Every run and release, and what each project is doing now.

    `author` signs what is written; without one the ledger can be read, and nothing that is recorded can be written.
    """

    def __init__(self, client: Any, table: str, author: Callable[[], Author] | None = None) -> None:
        self._client = client
        self._table = table
        self._writes = Writes(table)
        self.trail = Trail(client, table, author)

    @property
    def name(self) -> str:
        """The table's name, by which what this ledger numbers is tagged."""
        return self._table

    def head(self, project: Project) -> Head:
        """What the project is doing now; an empty head for a project never seen."""
        item = self._get(project_key(project), "PROJECT")
        if item is None:
            return Head()
        champion, search, freeze = item.get("champion"), item.get("search"), item.get("freeze")
        known = {
            "champion": Champion(**champion) if champion else None,
            "search": LastSearch(**search) if search else None,
            "freeze": Freeze(**freeze) if freeze else None,
        }
        head: Head = built(Head, {**item, **known})
        return head

    def run(self, project: Project, run: str) -> Run | None:
        """One run, or None."""
        item = self._get(project_key(project), run_key(run))
        return built(Run, item) if item else None

    def release(self, project: Project, sequence: int) -> Release | None:
        """One release, or None."""
        item = self._get(project_key(project), release_key(sequence))
        return built(Release, item) if item else None

    def serving(self, project: Project) -> Release | None:
        """The release that serves by the ledger's word, or None."""
        champion = self.head(project).champion
        return self.release(project, champion.sequence) if champion is not None else None

    def incident(self, project: Project, incident: str) -> Incident | None:
        """One incident, or None."""
        item = self._get(project_key(project), incident_key(incident))
        return built(Incident, item) if item else None

    def incidents(self, project: Project) -> list[Incident]:
        """Every incident of a project, the newest alarm first."""
        condition, values = "pk = :pk AND begins_with(sk, :sk)", {":pk": project_key(project), ":sk": INCIDENT}
        items = self._query(condition, values, ConsistentRead=True, ScanIndexForward=False)
        return incidents_of(items)

    def add_incident(self, incident: Incident) -> bool:
        """Record an incident that was not known; False when it was."""
        project = Project(incident.tenant, incident.project)
        item = {"sk": incident_key(incident.incident), "arrived_at": incident.at, **asdict(incident)}
        return self._record_new(project, item, "incident opened", "An alarm rang.")

    def incidents_of_tenant(self, tenant: str) -> list[Incident]:
        """Every incident of a tenant's projects; the newest may take a moment to appear."""
        items = self._query("tenant = :tenant", {":tenant": tenant}, IndexName="by_tenant", ScanIndexForward=False)
        return incidents_of(items)

    def retrains(self, tenant: str, day: str) -> int:
        """How many retrainings the alarms of a tenant asked for on a day."""
        item = self._get(*retrains_key(tenant, day))
        return int(item["count"]) if item else 0

    def runs_of_project(self, project: Project) -> list[Run]:
        """Every run of a project, the newest first."""
        items = self._query(
            "pk = :pk AND begins_with(sk, :sk)", {":pk": project_key(project), ":sk": RUN}, ConsistentRead=True
        )
        return sorted(runs_of(items), key=lambda run: run.arrived_at, reverse=True)

    def runs_of_tenant(self, tenant: str) -> list[Run]:
        """Every run of a tenant's projects, the newest first; the newest may take a moment to appear."""
        items = self._query("tenant = :tenant", {":tenant": tenant}, IndexName="by_tenant", ScanIndexForward=False)
        return runs_of(items)

    def releases(self, project: Project) -> list[Release]:
        """Every release of a project, the newest first."""
        condition, values = "pk = :pk AND begins_with(sk, :sk)", {":pk": project_key(project), ":sk": RELEASE}
        items = self._query(condition, values, ConsistentRead=True, ScanIndexForward=False)
        return [built(Release, as_values(item)) for item in items]

    def add_run(self, run: Run) -> bool:
        """Record a run that was not known; False when it was."""
        item = {"sk": run_key(run.run), **asdict(run)}
        return self._record_new(Project(run.tenant, run.project), item, "run recorded", "A dataset arrived.")

    def record(self, project: Project, what: str, why: str, change: Recorded) -> None:
        """Record what is about to be done elsewhere than in the ledger; to be called before it is done.

        Raises:
            ConflictError: when it could not be recorded; then it must not be done.
        """
        self.trail.record(project_key(project), what, why, change)

    def write(self, project: Project, head: Head, *changes: Change) -> Head:
        """Write a new head, and the changes that belong to it, all or nothing.

        `head` was read from the ledger and changed by `dataclasses.replace`; its revision is the one that was read.

        Raises:
            ConflictError: when another writer was faster, or a change does not fit what the ledger holds.
        """
        following = dataclasses.replace(head, revision=head.revision + 1)
        item = {"pk": project_key(project), "sk": "PROJECT", **asdict(following)}
        still = {
            "ConditionExpression": "attribute_not_exists(pk) OR revision = :revision",
            "ExpressionAttributeValues": as_item({":revision": head.revision}),
        }
        self._transact(project, [Write.put(self._table, item, **still)], *changes)
        return following

    def claim_endpoint(self, project: Project) -> bool:
        """Claim the endpoint's name for the project; False when another project owns it."""
        owner = {"pk": endpoint_key(project.endpoint), "sk": OWNER, "tenant": project.tenant, "project": project.name}
        item = self._get(owner["pk"], OWNER)
        if item is None:
            if self._record_new(project, owner, "endpoint claimed", "Its first version comes."):
                return True
            item = self._get(owner["pk"], OWNER)
        return item is not None and (item["tenant"], item["project"]) == (project.tenant, project.name)

    def lease(self, project: Project) -> Lease:
        """The lease of the project's endpoint as it is; one that nobody holds when nobody ever asked."""
        item = self._get(endpoint_key(project.endpoint), OWNER)
        if item is None or (item["tenant"], item["project"]) != (project.tenant, project.name):
            return Lease()
        waiting = item.get("waiting")
        lease: Lease = built(Lease, {**item, "waiting": PlaceInLine(**waiting) if waiting else None})
        return lease

    def change_lease(self, project: Project, lease: Lease, *changes: Change) -> Lease:
        """Write a lease that was read and changed, and what belongs to it, all or nothing.

        Raises:
            ConflictError: when another writer was faster.
        """
        self._transact(project, [], LeaseChanged(lease), *changes)
        return dataclasses.replace(lease, revision=lease.revision + 1)

    def enter(self, project: Project, holder: str, *, if_free: bool = False) -> Lease:
        """Begin to act for a holder of the lease; whoever acts for it with an earlier fence is shut out by that.

        Raises:
            LeaseLostError: when the lease is another's, or nobody's and not `if_free`.
            ConflictError: when another writer was faster.
        """
        lease = renew(self.lease(project), holder, if_free=if_free)
        if lease is None:
            raise LeaseLostError(project.endpoint)
        return self.change_lease(project, lease)

    def check(self, project: Project, lease: Lease) -> None:
        """Make sure that a lease still is the one that was entered, right before a call that cannot carry its fence.

        Raises:
            LeaseLostError: when it is not.
        """
        found = self.lease(project)
        if (found.holder, found.fence) != (lease.holder, lease.fence):
            raise LeaseLostError(project.endpoint)

    def wait_for_endpoint(self, project: Project, lease: Lease, task_token: str) -> None:
        """Keep the task that shall be woken when the endpoint comes to rest, in place of an older one.

        Raises:
            LeaseLostError: when the lease is not the writer's any more.
        """
        update = self._writes.update_lease(project, {"token": task_token}, *held(lease))
        if not accepted("keep who waits for the endpoint", self._client.update_item, **update.request):
            raise LeaseLostError(project.endpoint)

    def wait_for_approval(self, project: Project, run: str, package: str, task_token: str, visit: int) -> None:
        """Keep the task that shall be woken by a person's word, unless a later visit did or the run has ended."""
        fields = {"approval": {"package": package, "token": task_token, "visit": visit}}
        later = "(attribute_not_exists(approval) OR approval = :null OR approval.visit <= :visit)"
        update = self._writes.update(
            project,
            run_key(run),
            fields,
            f"{NOT_ENDED} AND {later}",
            {**OUTCOME_VALUES, ":null": None, ":visit": visit},
        )
        accepted("keep who waits for approval", self._client.update_item, **update.request)

    def keep_approval(self, project: Project, run: str, word: Mapping[str, str]) -> None:
        """Keep that a person approved of a run's version, what they said and who it was, unless the run has ended."""
        update = self._writes.update(project, run_key(run), {"approved": word}, NOT_ENDED, OUTCOME_VALUES)
        self._recorded(project, update, "approval found", "A person approved of the version in the registry.")

    def keep_verdict(self, project: Project, sequence: int, verdict: Mapping[str, Any]) -> None:
        """Keep what the watch of a release says, unless the release is settled or the watch had its last word."""
        going = "attribute_exists(pk) AND (attribute_not_exists(outcome) OR outcome = :null)"
        update = self._writes.update(
            project, release_key(sequence), {"verdict": verdict}, f"{going} AND {NO_LAST_WORD}", LAST_WORDS
        )
        self._recorded(project, update, "verdict changed", "Its watch says so.")

    def keep_trial(self, project: Project, sequence: int, trial: Mapping[str, Any]) -> None:
        """Keep what was found of a release that is tried, unless it is tried no more or the last word was said."""
        open_ = "#state = :trying AND trial.stand = :watching"
        values = {":trying": "TRYING", ":watching": "watching"}
        update = self._writes.update(project, release_key(sequence), {"trial": trial}, open_, values)
        if trial.get("stand") == "watching":
            accepted("keep what a trial told", self._client.update_item, **update.request)
        else:
            self._recorded(project, update, "trial decided", "Its trial says so.")

    def owner(self, endpoint: str) -> Project | None:
        """The project that claimed an endpoint's name, or None; never another system's endpoint."""
        item = self._get(endpoint_key(endpoint), OWNER)
        return Project(item["tenant"], item["project"]) if item else None

    def windows(self, project: Project, release: int, most: int) -> list[Window]:
        """The last windows of a release that the monitor judged, the newest first."""
        condition, values = (
            "pk = :pk AND begins_with(sk, :sk)",
            {":pk": project_key(project), ":sk": window_key(release)},
        )
        limited = {"PaginationConfig": {"MaxItems": most}}
        items = self._query(condition, values, ConsistentRead=True, ScanIndexForward=False, **limited)
        return [built(Window, as_values(item)) for item in items]

    def keep_window(self, project: Project, window: Window) -> bool:
        """Record a judged window; False when another one took its number first."""
        key = {"pk": project_key(project), "sk": window_key(window.release, window.number)}
        return self._put_new({**key, **asdict(window)})

    def waiter(self, endpoint: str) -> str | None:
        """The task token of the promotion that waits for an endpoint, or None; never another system's endpoint."""
        item = self._get(endpoint_key(endpoint), OWNER)
        return item.get("token") if item else None

    def _transact(self, project: Project, writes: Sequence[Write], *changes: Change) -> None:
        recorded, beside = [*writes], list[Write]()
        for change in changes:
            (beside if isinstance(change, LEASES) else recorded).extend(self._writes.of(project, change))
        what, why = recorded_as(changes)
        if recorded:
            self.trail.write(project_key(project), recorded, beside, what, why)
            return
        with translated(f"write the ledger of {project.endpoint}"):
            self._client.transact_write_items(TransactItems=[each.part for each in beside])

    def _record_new(self, project: Project, item: Mapping[str, Any], what: str, why: str) -> bool:
        return self._recorded(project, Write.put(self._table, {"pk": project_key(project), **item}, **NEW), what, why)

    def _recorded(self, project: Project, write: Write, what: str, why: str) -> bool:
        """Make a write together with its entry in the audit trail; False where its condition refused it."""
        chain = project_key(project)
        return accepted(f"write the ledger of {chain}", self.trail.write, chain, [write], [], [what], why)

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        with translated("read the ledger"):
            return fetched(self._client, self._table, pk, sk)

    def _query(self, condition: str, values: Mapping[str, str], **arguments: Any) -> list[dict[str, Any]]:
        with translated("read the ledger"):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=as_item(values),
                **arguments,
            )
            return [item for page in pages for item in page["Items"]]

    def _put_new(self, item: Mapping[str, Any]) -> bool:
        return accepted("write the ledger", self._client.put_item, **Write.put(self._table, item, **NEW).request)


def runs_of(items: Sequence[Mapping[str, Any]]) -> list[Run]:
    """Runs from raw items of the table, of its index or of its stream; other items are left out."""
    return [built(Run, as_values(item)) for item in items if item["sk"]["S"].startswith(RUN)]


def incidents_of(items: Sequence[Mapping[str, Any]]) -> list[Incident]:
    """Incidents from raw items of the table or of its stream; other items are left out."""
    return [built(Incident, as_values(item)) for item in items if item["sk"]["S"].startswith(INCIDENT)]
