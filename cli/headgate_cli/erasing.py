"""The right to erasure: a data subject's rows are taken out of everything that a project keeps, in all versions.

Who runs it needs to read and delete versions of both buckets. The value is compared and never written down.
"""

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.domain.audit import Change
from headgate.domain.errors import BadKeyError
from headgate.domain.keys import project_key
from headgate.domain.names import COMPLETION_MARKERS, PROJECT, UNKNOWN, Project, parse_upload
from headgate.domain.reconcile import UPLOAD_GRACE
from headgate.domain.runs import Run
from headgate.domain.subject import Subject
from headgate.tables.erase import Unread
from headgate_cli.connection import Cloud
from headgate_cli.erasing_versions import Version, Versions
from headgate_cli.errors import CommandError
from headgate_cli.runs import Artifacts, Records, check_known

_PARTS = ("train.parquet", "validation.parquet", "test.parquet")
_KEPT, _KEPT_BEFORE = ".kept-", re.compile(r"^\.kept-.{8}-")
_BEGUN, _STOPPED, _ERASED = "erasure begun", "erasure stopped", "rows erased"

Manifests = Mapping[str, dict[str, Any]]


@dataclass
class Found:
    """What there is before anything is changed: `uploads` that hold the subject with how many rows, `parts` of datasets
    with what they say, `datasets` that held the subject, and those of them that do not tell whose row is whose.
    """

    uploads: dict[Version, int]
    parts: dict[str, dict[Version, int | Unread]] = field(default_factory=dict)
    datasets: set[str] = field(default_factory=set)
    removed_whole: set[str] = field(default_factory=set)


@dataclass
class Erasure:
    """What is done to one project; it can be repeated until it has ended, and does then what is left.

    Uploads tell which datasets held the subject, so that they are deleted last: whatever was stopped finds them again.
    Only a report needs what was found before, which the audit trail remembers of calls that did not end. Whose they
    were it does not tell, so that a report may name datasets of another subject too many, never too few.
    """

    cloud: Cloud
    project: Project
    subject: Subject

    def run(self, reason: str, *, take_over: bool = False) -> dict[str, Any]:
        """Take the rows out, tell the audit trail before and after, and say what was trained on them.

        Raises:
            CommandError: when a run reads rows of the subject at this moment, or is about to, or may yet be judged on a
                part that goes whole; or when another call is on its way, unless this one shall `take_over` from it. The
                message says what was done.
            UsageError: when there is no such project, in which nothing could be found.
        """
        ledger = Records(self.cloud).ledger
        versions = Versions(self.cloud, self.project.tenant, self.subject)
        looked = ledger.trail.head(project_key(self.project)).sequence
        found, runs = self._look(ledger, versions)
        datasets, removed_whole = self._remembered(ledger, found, versions)
        told: dict[str, Any] = {
            "column": self.subject.column,
            "datasets": sorted(datasets),
            "removed_whole": sorted(removed_whole),
        }
        call = uuid.uuid4().hex
        try:
            ledger.record(self.project, _BEGUN, reason, Change("DATA", {}, told | {"call": call}))
            self._refuse_beside_another(ledger, call, looked, take_over=take_over)
            self._take_out(ledger, versions, found, removed_whole)
            told |= {
                "rows": versions.rows,
                "objects": versions.objects,
                "versions_to_retrain": sorted(set(filter(None, map(_version, _of(runs, datasets)))), key=int),
                "without_column": len(versions.without_column),
            }
            ended = told | {"unread": len(versions.unread), "call": call}
            ledger.record(self.project, _ERASED, reason, Change("DATA", {}, ended))
        except BaseException:
            with suppress(Exception):  # who cannot say that it stopped passes for one that is on its way
                ledger.record(self.project, _STOPPED, "It did not end.", Change("DATA", {}, {"call": call}))
            raise
        whose = {"tenant": self.project.tenant, "project": self.project.name}
        return whose | told | {"unread": sorted(versions.unread)}

    def _refuse_beside_another(self, ledger: Ledger, call: str, looked: int, *, take_over: bool) -> None:
        """Two calls at once would each write anew what the other took out, so the one that began first goes on.

        `looked` is the trail's last entry at this call's look, which whatever another one did since makes worthless.
        """
        going: dict[str, dict[str, Any]] = {}
        for document, after in self._calls(ledger):
            if after["call"] == call:
                break
            if document["sequence"] > looked:
                raise CommandError(
                    f"{document['who']} began or ended an erasure meanwhile. Nothing was changed; call this again."
                )
            if document["what"] == [_BEGUN]:
                going[after["call"]] = document
            else:
                going.pop(after["call"], None)
        if going and not take_over:
            other = next(iter(going.values()))
            raise CommandError(
                f"An erasure that {other['who']} began at {other['at']} has not ended. Nothing was changed; call this "
                "again when it has. If it was cut off, so that it never will, add --take-over."
            )

    def _take_out(self, ledger: Ledger, versions: Versions, found: Found, removed_whole: set[str]) -> None:
        head = ledger.head(self.project)
        if head.holdout in removed_whole:
            ledger.write(self.project, replace(head, holdout=None))
            # Runs that began before that may be judged on it; those after it are not.
            _refuse_while_read(_readers(ledger.runs_of_project(self.project), found), "Nothing was taken out")
        self._datasets(found, versions)
        self._quarantine(versions)
        for each in versions.under(self.cloud.artifact_bucket, self.project.captured()):
            if each.key.endswith(".jsonl"):  # the monitor's answers lie there, too, and hold ids alone
                versions.clean_lines(each)
        self._uploads(found, versions, ledger)

    def _look(self, ledger: Ledger, versions: Versions) -> tuple[Found, list[Run]]:
        under = self._uploaded(versions)
        if not under:  # uploads may be there that no run came of
            check_known(ledger, self.project)
        incoming = [each for each in under if not self._is_marker(each.key)]
        found = Found(_held({each: versions.look(each) for each in incoming}))
        runs = ledger.runs_of_project(self.project)
        manifests = self._manifests(runs)
        for each in found.uploads:
            users = {dataset for dataset, manifest in manifests.items() if _is_made_of(manifest, each)}
            if not users and _folder(each.key) is not None and datetime.now(UTC) - each.at < UPLOAD_GRACE:
                raise CommandError(
                    f"{each.key} was dropped a moment ago, and no run has come of it yet. Nothing was changed; call "
                    "this again in 15 minutes."
                )
            found.datasets |= users
        for run in runs:
            found.parts[run.dataset] = {each: versions.look(each) for each in self._parts(run.dataset, versions)}
            if _held(found.parts[run.dataset]):
                found.datasets.add(run.dataset)
        for dataset in {run.dataset for run in _of(runs, found.datasets)}:
            if any(isinstance(count, Unread) for count in found.parts[dataset].values()):
                found.datasets.add(dataset)
                found.removed_whole.add(dataset)
        _refuse_while_read(_readers(runs, found), "Nothing was changed")
        return found, runs

    def _uploaded(self, versions: Versions) -> list[Version]:
        """What was dropped for the project; for `unknown`, under keys that name no project."""
        if self.project.name != UNKNOWN:
            return versions.under(self.cloud.data_bucket, self.project.incoming)
        everything = versions.under(self.cloud.data_bucket, f"{self.project.tenant}/")
        named = ((each, each.key.split("/")[1]) for each in everything)
        return [each for each, name in named if name == UNKNOWN or not PROJECT.fullmatch(name)]

    def _remembered(self, ledger: Ledger, found: Found, versions: Versions) -> tuple[set[str], set[str]]:
        """The datasets that held the subject, and those of them that go whole, with what earlier calls found that did
        not end.
        """
        datasets, removed_whole = set(found.datasets), set(found.removed_whole)
        begun: dict[str, dict[str, Any]] = {}
        for document, after in self._calls(ledger):
            if document["what"] == [_ERASED]:
                begun.pop(after["call"], None)
            elif after.get("column") == self.subject.column:
                begun[after["call"]] = after
        for after in begun.values():
            datasets.update(after.get("datasets", []))
            gone = (each for each in after.get("removed_whole", []) if each not in removed_whole)
            removed_whole.update(each for each in gone if not self._parts(each, versions))
        return datasets, removed_whole

    def _calls(self, ledger: Ledger) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """What the audit trail tells of erasures, the oldest first, each with what it says of its call."""
        for entry in ledger.trail.entries(project_key(self.project)):
            document = json.loads(entry.text)
            if document["what"] in ([_BEGUN], [_STOPPED], [_ERASED]):
                yield document, document["changes"][0]["after"]

    def _datasets(self, found: Found, versions: Versions) -> None:
        """The parts that datasets were split into; where the column was left out of them, those of a dataset that held
        the subject go whole.
        """
        for dataset, parts in found.parts.items():
            whole, held = dataset in found.removed_whole, _held(parts)
            for each in parts if whole else held:
                if each.newest and not whole:
                    with versions.cleaned(each) as clean:
                        versions.put_file(each.bucket, each.key, clean)
                versions.delete(each, held.get(each, 0))

    def _quarantine(self, versions: Versions) -> None:
        """Refused uploads, which are copies: those that hold the subject go whole, as do those that cannot be read."""
        for each in versions.under(self.cloud.artifact_bucket, self.project.quarantine()):
            if each.key.endswith("/report.json"):
                continue  # Headgate's own, of columns and counts; no refused upload has this name
            count = versions.look(each)
            if count is Unread.NO_TABLE:
                versions.delete(each)
            elif isinstance(count, int) and count:
                versions.delete(each, count)

    def _uploads(self, found: Found, versions: Versions, ledger: Ledger) -> None:
        """Every upload that held the subject: what is left of it goes beside it, hidden, where a dataset is made of it
        or nothing took its place.

        The markers of its folder go first, those that complete it. Told of again, or found by the reconciler, they
        would start a run on the rest of the folder. Uploads go once nobody can begin to read them any more.
        """
        for marker in self._markers(found.uploads, versions):
            versions.delete(marker)
        manifests = self._manifests(ledger.runs_of_project(self.project))
        for each in found.uploads:
            users = [dataset for dataset, manifest in manifests.items() if _uses(manifest, each)]
            if users or (each.newest and not any(_is_made_of(manifest, each) for manifest in manifests.values())):
                self._keep(each, users, manifests, versions)
        runs = _of(ledger.runs_of_project(self.project), found.datasets)
        _refuse_while_read(runs, "Their uploads are there still")
        for each, count in found.uploads.items():
            versions.delete(each, count)

    def _markers(self, uploads: Iterable[Version], versions: Versions) -> list[Version]:
        gone = {(each.key, each.version) for each in uploads}
        folders = {folder for each in uploads if (folder := _folder(each.key))}
        bucket = self.cloud.data_bucket
        listed = [
            (folder, each)
            for folder in folders
            for name in COMPLETION_MARKERS
            for each in versions.under(bucket, f"{folder}{name}", least_bytes=0)
            if each.key == f"{folder}{name}"
        ]
        return [each for folder, each in listed if gone & versions.named_by(each, folder)]

    def _keep(self, each: Version, users: Iterable[str], manifests: Manifests, versions: Versions) -> None:
        kept = _rest(each)
        with versions.cleaned(each) as clean:
            made, size = versions.put_file(each.bucket, kept, clean), clean.stat().st_size
        for dataset in users:
            for part in manifests[dataset]["parts"]:
                if (part["key"], part["version_id"]) == (each.key, each.version):
                    part |= {"key": kept, "version_id": made, "size": size}
            body = json.dumps(manifests[dataset], ensure_ascii=False, indent=1, sort_keys=True).encode()
            versions.put(self.cloud.artifact_bucket, self._manifest(dataset), body)
        for other in versions.under(each.bucket, kept):  # of a call that was stopped
            if not other.newest and not any(_uses(manifest, other) for manifest in manifests.values()):
                versions.delete(other)

    def _parts(self, dataset: str, versions: Versions) -> list[Version]:
        folder = self.project.dataset_folder(dataset)
        listed = versions.under(self.cloud.artifact_bucket, folder)
        return [each for each in listed if each.key.removeprefix(folder) in _PARTS]

    def _is_marker(self, key: str) -> bool:
        """Whether it is what completes a folder, which holds no rows; deeper down such names are those of data."""
        *folders, name = key.removeprefix(self.project.incoming).split("/")
        return name in COMPLETION_MARKERS and len(folders) <= 1

    def _manifests(self, runs: Iterable[Run]) -> Manifests:
        artifacts = Artifacts(self.cloud)
        documents = {run.dataset: artifacts.document(self._manifest(run.dataset)) for run in runs}
        return {dataset: document for dataset, document in documents.items() if document is not None}

    def _manifest(self, dataset: str) -> str:
        return f"{self.project.dataset_folder(dataset)}manifest.json"


def _held(looked: Mapping[Version, int | Unread]) -> dict[Version, int]:
    return {each: count for each, count in looked.items() if isinstance(count, int) and count}


def _uses(manifest: Mapping[str, Any], each: Version) -> bool:
    return (each.key, each.version) in {(part["key"], part["version_id"]) for part in manifest["parts"]}


def _rest(each: Version) -> str:
    """The key of what is left of an upload: a hidden file, which is no upload. It does not grow from time to time."""
    folder, _, name = each.key.rpartition("/")
    return f"{folder}/{_KEPT}{each.version[:8]}-{_KEPT_BEFORE.sub('', name)}"


def _is_made_of(manifest: Mapping[str, Any], each: Version) -> bool:
    """Whether a dataset is made of an upload, or by now of what is left of it."""
    return _uses(manifest, each) or _rest(each) in {part["key"] for part in manifest["parts"]}


def _refuse_while_read(runs: Iterable[Run], state: str) -> None:
    """A run that has not read its dataset yet would find it changed, and fail; one that reads it makes parts of it."""
    for run in runs:
        if not run.ended and _version(run) is None:
            raise CommandError(
                f"{run.run} reads rows of theirs, or may yet. {state}; call this again when it has ended "
                "(`headgate runs` tells)."
            )


def _version(run: Run) -> str | None:
    """The version that a run made, also of one that waits for a person's word on it; None where it made none yet."""
    package = (run.approval or {}).get("package", "")
    return run.version or package.rpartition("/")[2] or None


def _of(runs: Iterable[Run], datasets: set[str]) -> list[Run]:
    """The runs on datasets, or on what was made of them."""
    return [run for run in runs if datasets & {run.dataset, *(run.retrain or {}).get("of", [])}]


def _readers(runs: Iterable[Run], found: Found) -> Iterable[Run]:
    """The runs that something found here may be taken from: any may be judged on a part that goes whole, the project's
    holdout of now or of when it began.
    """
    return runs if found.removed_whole else _of(runs, found.datasets)


def _folder(key: str) -> str | None:
    """The folder whose dataset an upload is a part of, "" where it is a dataset itself; None of any other object."""
    try:
        upload = parse_upload(key)
    except BadKeyError:
        return None
    return upload.folder if upload is not None else None
