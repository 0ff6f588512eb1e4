"""Entry point of a SageMaker processing job: ``python evaluate.py [--root /opt/ml/processing]``."""

import argparse
import logging
import os
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate the models under ``--root``. Importing this file does nothing."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # a job's log is for the job, not for TensorFlow's start
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    from headgate_training.evaluation import evaluate

    parser = argparse.ArgumentParser(description="Measure a challenger on the holdout, beside the champion.")
    parser.add_argument("--root", type=Path, default=Path("/opt/ml/processing"))
    evaluate(parser.parse_args(arguments).root)


if __name__ == "__main__":
    main()
