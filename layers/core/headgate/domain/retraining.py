"""A retraining: which datasets it learns from, what makes it another one than those before, and when there is none.

Rules only. Nothing is trained twice on the same data by the same code and settings: the three together name it.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from headgate.domain.names import Part, Project, dataset_id
from headgate.domain.runs import Outcome, Run

NOTHING_NEW, NO_DATA = "NOTHING_NEW", "NO_DATA"
"""Codes of requests that end without a training."""
PICTURES = "ZIP archive of pictures"
"""Archives of pictures are one dataset each; see `headgate.tables.intake.Format`."""
MOST_TOLD = 50
"""Datasets that are left out and told by name; an item of the ledger has room for 400 KB."""
_AGAIN = frozenset({Outcome.FAILED, Outcome.SUPERSEDED})
_NOT_JUDGED = frozenset({"CHAMPION_CHANGED", "FROZEN"})
"""Endings, and reasons of others, after which the same may be tried again: they say nothing about the data."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What, beside the data, makes a model: the hash of the training code, and of the settings that change training."""

    code: str
    settings: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A dataset that validation accepted: its run, its parts, and what its report says of it.

    `kind` and `columns` are None, and so is `recipe`, where a report of an earlier Headgate does not tell; `recipe` is,
    too, where rows were erased since. `gone` is a part whose version is not in the data bucket any more.
    """

    run: Run
    parts: Sequence[Part]
    kind: str | None
    columns: Sequence[str]
    recipe: Recipe | None
    gone: Part | None = None

    @property
    def size(self) -> int:
        """Bytes of all parts, as they were uploaded."""
        return sum(part.size for part in self.parts)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A dataset of the window that is not trained on, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """The datasets of a window, the newest first, and those left out; `newest` is the order of the newest of both."""

    taken: list[Accepted]
    left_out: list[LeftOut] = field(default_factory=list)
    newest: str = ""

    @property
    def parts(self) -> list[Part]:
        """All parts, each once, in the order in which the datasets came."""
        every = (part for dataset in reversed(self.taken) for part in dataset.parts)
        return list(dict.fromkeys(every))


def in_window(runs: Iterable[Run], window: str, at: str) -> list[Run]:
    """The runs on uploaded datasets of a window, the newest first, whether accepted or not; `last` is not counted here.

    Args:
        runs: all of the project.
        window: `all`, `last:5` or `days:90`.
        at: when it was asked for.
    """
    uploads = [run for run in runs if run.retrain is None and run.state != Outcome.REJECTED]
    if window.startswith("days:"):
        begin = datetime.fromisoformat(at) - timedelta(days=int(window.removeprefix("days:")))
        uploads = [run for run in uploads if datetime.fromisoformat(run.arrived_at) >= begin]
    return sorted(uploads, key=lambda run: run.order, reverse=True)


def most_of(window: str) -> int | None:
    """How many datasets a window holds at most; None when it does not say."""
    return int(window.removeprefix("last:")) if window.startswith("last:") else None


def choose(accepted: Iterable[Accepted], max_bytes: int) -> Chosen:
    """Of accepted datasets, the newest first, those that make one dataset.

    Left out are those of which a part is gone, those that have other columns or another format than the newest, and,
    from the first that does not fit, the older ones, which are not even looked at.

    Args:
        accepted: those of the window.
        max_bytes: what one dataset may hold.
    """
    taken, left_out, newest, room = list[Accepted](), list[LeftOut](), "", max_bytes
    for each in accepted:
        newest = newest or each.run.order
        if (why := _unfit(each, taken[0] if taken else each)) is not None:
            left_out.append(LeftOut(each.run.name, why))
        elif each.size > room:
            more = f"with it there would be more than {max_bytes / 1024**3:.3g} GB; nor are older ones taken"
            left_out.append(LeftOut(each.run.name, more))
            break
        else:
            taken.append(each)
            room -= each.size
    return Chosen(taken, left_out, newest)


def _unfit(each: Accepted, newest: Accepted) -> str | None:
    if (gone := each.gone) is not None:
        return f"{gone.key} (version {gone.version_id}) is deleted from the data bucket"
    if each is newest:
        return None
    if each.kind == PICTURES:
        return "archives of pictures are not put together; pack all into one"
    if each.kind != newest.kind:
        return f"it is {each.kind}, the newest is {newest.kind}"
    if list(each.columns) != list(newest.columns):
        return "it has other columns, or another order of them, than the newest"
    return None


def identity(bucket: str, parts: Iterable[Part], recipe: Recipe) -> str:
    """What a retraining is by its data, code and settings: 16 hexadecimal digits."""
    whole = f"{dataset_id(bucket, parts)}\0{recipe.code}\0{recipe.settings}"
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def dataset_of(identity_: str, attempt: int) -> str:
    """The name of a retraining's dataset. What it holds may be an upload's too; what is made of it by these settings
    and this code is not, so that it lies in a folder of its own and overwrites no holdout.
    """
    return hashlib.sha256(f"{identity_}\0{attempt}".encode()).hexdigest()[:10]


def dataset_named_by(document: Mapping[str, Any], parts: Sequence[Part]) -> str:
    """The dataset that a manifest belongs to: an upload's is named by its parts, a retraining's by all that made it."""
    recipe = document.get("recipe")
    if recipe is None:
        return dataset_id(document["bucket"], parts)
    return dataset_of(identity(document["bucket"], parts, Recipe(**recipe)), int(document["attempt"]))


def dataset_of_request(request: str) -> str:
    """Stands for the dataset of a request that ends without one."""
    return hashlib.sha256(f"request\0{request}".encode()).hexdigest()[:10]


def asked_for(runs: Iterable[Run], request: str) -> Run | None:
    """The run that a request led to, or None while it has none."""
    return next((run for run in runs if run.retrain is not None and run.retrain["request"] == request), None)


def repeats(runs: Iterable[Run], chosen: Chosen, whole: str, recipe: Recipe) -> tuple[Run | None, int]:
    """A run on the same data by the same code and settings, and how many there were that may be tried again.

    An upload is the same when it is all that is chosen, and its report tells of the same code and settings.
    """
    same = [run for run in runs if run.retrain is not None and run.retrain.get("identity") == whole]
    if len(chosen.taken) == 1 and chosen.taken[0].recipe == recipe:
        same.append(chosen.taken[0].run)
    again = [run for run in same if run.state in _AGAIN or run.reason_code in _NOT_JUDGED]
    standing = next((run for run in same if run not in again), None)
    return standing, len(same)


def nothing_new(run: Run) -> str:
    """Why a request ends without a training: the same was trained, or is trained at this moment."""
    if not run.ended:
        return f"Run {run.run} is at it: the same data, training code and settings."
    return (
        f"The same data, training code and settings were trained before: run {run.run} ended {run.state} "
        f"({run.reason_code}). Drop newer data, or change `training` in project.yaml."
    )


def no_data(project: Project, left_out: Sequence[LeftOut]) -> str:
    """Why a request ends without a training: there is nothing to train on."""
    if not left_out:
        return f"No accepted dataset of {project.tenant}/{project.name} lies in the window. Drop data, or widen it."
    named = "; ".join(f"{each.name}: {each.why}" for each in left_out[:5])
    return f"Nothing of the window can be trained on ({named}). Drop data, or widen the window."


def title(chosen: Chosen) -> str:
    """What a retraining's dataset is called where people see it."""
    count = len(chosen.taken)
    names = ", ".join(each.run.name for each in chosen.taken[:3])
    more = f" and {count - 3} more" if count > 3 else ""
    return f"retraining on {names}{more}"


def order_of(newest: str, at: str, request: str) -> str:
    """A retraining is as new as the newest dataset of its window, and newer than what was asked for before: an upload
    that waits goes first, and takes its place.
    """
    return f"{newest}|{at}|{request}"


def facts_of(chosen: Chosen) -> dict[str, Any]:
    """What the ledger keeps of the choice."""
    told = [{"name": each.name, "why": each.why} for each in chosen.left_out[:MOST_TOLD]]
    if more := len(chosen.left_out) - len(told):
        told.append({"name": f"{more} more", "why": "older ones, for reasons like these"})
    return {"of": [each.run.dataset for each in chosen.taken], "left_out": told}
