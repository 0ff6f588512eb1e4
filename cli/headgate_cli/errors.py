"""What can end a command early, each with its exit code. Messages are for people and say what to do next."""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended; scripts rely on these numbers."""

    DONE = 0
    USAGE = 2
    REJECTED = 3
    NOT_PROMOTED = 4
    FAILED = 5
    UNREACHABLE = 6
    INTERRUPTED = 130


OUTCOME_EXIT_CODES = {
    "PROMOTED": ExitCode.DONE,
    "REJECTED": ExitCode.REJECTED,
    "NOT_PROMOTED": ExitCode.NOT_PROMOTED,
    "ROLLED_BACK": ExitCode.NOT_PROMOTED,
    "SUPERSEDED": ExitCode.NOT_PROMOTED,
    "FAILED": ExitCode.FAILED,
}
"""The terminal outcomes of a run, and how a command that waited for one ends."""


class CommandError(Exception):
    """Raised when a command cannot do what it was asked; the root of the command line's errors."""

    exit_code = ExitCode.FAILED


class UsageError(CommandError):
    """Raised when the arguments, or the data given to a command, cannot be accepted as they are."""

    exit_code = ExitCode.USAGE


class UnreachableError(CommandError):
    """Raised when no cloud answers, or no stack of Headgate stands there."""

    exit_code = ExitCode.UNREACHABLE


class CloudInterruptedError(CommandError):
    """Raised when a person interrupts the start or the stop of the local cloud, which has said what became of it."""

    exit_code = ExitCode.INTERRUPTED
