"""Entry point of a SageMaker processing job: ``python evaluate.zip [--root /opt/ml/processing]``, which begins here."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

LONGEST_MESSAGE = 1000
TRACKING = "HEADGATE_MLFLOW"
"""The variable with the address of an MLflow server that wants to know of runs; unset or empty without one."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate the models under ``--root``. Importing this file does nothing."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # a job's log is for the job, not for TensorFlow's start
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    from headgate_training.evaluation import evaluate
    from headgate_training.words import words_of

    parser = argparse.ArgumentParser(description="Measure a challenger on the holdout, beside the champion.")
    parser.add_argument("--root", type=Path, default=Path("/opt/ml/processing"))
    root = parser.parse_args(arguments).root
    try:
        evaluate(root)
    except Exception as error:
        # SageMaker shows a processing job's own words (ExitMessage) from this file, and nothing else of its failure.
        message = root.parent / "output" / "message"
        message.parent.mkdir(parents=True, exist_ok=True)
        message.write_text(words_of(error)[:LONGEST_MESSAGE], encoding="utf-8")
        raise
    if uri := os.environ.get(TRACKING):
        from headgate_training.tracking import tell

        tell(root, uri)


if __name__ == "__main__":
    from headgate_training.words import tell_failure

    sys.excepthook = tell_failure
    main()
