"""What a job says of its failure. It goes into the log, and by SageMaker's reasons into the ledger and into mails.

Other errors than our own may quote rows, so of those only the kind is told.
"""

import sys
import traceback
from types import TracebackType


class TrainingError(ValueError):
    """Raised when a training cannot be as its settings or its columns ask for; says what to do and quotes no row."""


def words_of(error: BaseException) -> str:
    """The kind of an error, and its words where they are ours."""
    ours = type(error).__module__.startswith("headgate_training.") or isinstance(error, ImportError)
    return f"{type(error).__name__}: {error}" if ours else type(error).__name__


def tell_failure(_kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print where an error came from, and what may be told of it; a `sys.excepthook`."""
    sys.stderr.write("Traceback (most recent call last):\n")
    sys.stderr.writelines(traceback.format_tb(trace))
    sys.stderr.write(words_of(error) + "\n")
