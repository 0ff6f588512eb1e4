"""Where commands write on this computer: looked at before the work, and nothing goes that Headgate did not make."""

import os
from collections.abc import Set as AbstractSet
from pathlib import Path

from headgate_cli.errors import UsageError


def check(path: Path) -> None:
    """See whether a file could be written here; makes nothing.

    Raises:
        UsageError: when it could not.
    """
    try:
        there = path
        while not there.exists():
            there = there.parent
        if there == path and not path.is_file():
            raise UsageError(f"{path} cannot be written: it is no file.")
        if there != path and not there.is_dir():
            raise UsageError(f"{path} cannot be written: {there} is no directory.")
        _check_access(path, there)
    except OSError as error:
        raise _refused(path, error) from error


def directory(to: Path, members: AbstractSet[str], marks: AbstractSet[str], *, force: bool) -> Path:
    """The directory that is to be made, as an absolute path; makes nothing.

    `members` are the names that such a directory may hold, `marks` those that each has. With `force` one that is empty,
    or an earlier one of the kind, may be replaced.

    Raises:
        UsageError: when it cannot be made, or what is there must not be replaced.
    """
    place = to.resolve()
    if not (to.exists() or to.is_symlink()):
        check(place)
        return place
    if not force:
        raise UsageError(f"{to} exists already; --force replaces it.")
    if place.exists() and not place.is_dir():
        raise UsageError(f"{to} is no directory.")
    for what, mine in (("the directory that you are in", Path.cwd()), ("your home", Path.home().resolve())):
        if mine.is_relative_to(place):
            raise UsageError(f"{to} is {what}, or holds it, and is not replaced. Name another directory.")
    held = {each.name for each in place.iterdir()} if place.exists() else set[str]()
    if held and (held - members or not marks <= held):
        what = min(held - members, default=min(held))
        raise UsageError(
            f"{to} is not replaced, since Headgate did not make all that is in it (such as {what}). --force replaces "
            "an empty directory and what the same command made. Name another, or clear this one yourself."
        )
    _check_access(place, place.parent)
    return place


def put(made: Path, place: Path, aside: Path) -> None:
    """Move a directory to its place; what is there goes to `aside`, and comes back if this does not succeed.

    Raises:
        UsageError: when it cannot be moved there.
    """
    try:
        if place.exists():
            place.rename(aside)
        try:
            made.rename(place)
        except OSError:
            if aside.exists():
                aside.rename(place)
            raise
    except OSError as error:
        raise _refused(place, error) from error


def _check_access(path: Path, there: Path) -> None:
    if not os.access(there, os.W_OK):
        raise UsageError(f"{path} cannot be written: {there} is not yours to write to.")


def _refused(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path} cannot be written: {error.strerror}.")
