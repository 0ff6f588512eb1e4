"""Entry point of a SageMaker training job (script mode): ``python train.py --epochs 50``.

Channels and folders come from the environment as SageMaker sets it; every hyperparameter is optional.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

ADDED = ("model_dir", "_tuning_objective_metric")
"""Hyperparameters that the SageMaker SDK and tuning jobs add, and that mean nothing here."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on the channels of the environment. Importing this file does nothing."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # a job's log is for the job, not for TensorFlow's start
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    from headgate_training.checkpoints import SECONDS
    from headgate_training.families import FAMILIES
    from headgate_training.schedules import SCHEDULES
    from headgate_training.settings import CLASS_WEIGHTS, OPTIMIZERS, Settings
    from headgate_training.training import Places, train
    from headgate_training.workers import open_workers

    defaults = Settings()
    parser = argparse.ArgumentParser(description="Train a model on the channels of a SageMaker training job.")
    parser.add_argument("--family", choices=sorted(FAMILIES), default=defaults.family)
    parser.add_argument("--epochs", type=int, default=defaults.epochs)
    parser.add_argument("--batch_size", type=int, default=defaults.batch_size)
    parser.add_argument("--learning_rate", type=float, default=defaults.learning_rate)
    parser.add_argument("--hidden_units", type=int, default=defaults.hidden_units)
    parser.add_argument("--layers", type=int, default=defaults.layers)
    parser.add_argument("--dropout", type=float, default=defaults.dropout)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--patience", type=int, default=defaults.patience)
    parser.add_argument("--members", type=int, default=defaults.members)
    parser.add_argument("--weight_decay", type=float, default=defaults.weight_decay)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default=defaults.optimizer)
    parser.add_argument("--momentum", type=float, default=defaults.momentum)
    parser.add_argument("--schedule", choices=sorted(SCHEDULES), default=defaults.schedule)
    parser.add_argument("--class_weights", choices=CLASS_WEIGHTS, default=defaults.class_weights)
    parser.add_argument("--deterministic", type=_truth, default=defaults.deterministic, metavar="true|false")
    for name in ADDED:
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    chosen = {name: value for name, value in vars(parser.parse_args(arguments)).items() if name not in ADDED}
    places = Places(
        train=Path(os.environ["SM_CHANNEL_TRAIN"]),
        validation=Path(os.environ["SM_CHANNEL_VALIDATION"]),
        spec=Path(os.environ["SM_CHANNEL_SPEC"]),
        model=Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model")),
        output=Path(os.environ.get("SM_OUTPUT_DATA_DIR", "/opt/ml/output/data")),
        checkpoints=_folder("HEADGATE_CHECKPOINTS"),
        tensorboard=_folder("HEADGATE_TENSORBOARD"),
    )
    workers = open_workers(os.environ)
    try:
        train(places, Settings(**chosen), workers, float(os.environ.get("HEADGATE_CHECKPOINT_SECONDS") or SECONDS))
    except SystemExit:  # told to end: all workers are, and the chief has still to keep what there is
        workers.await_chief()
        raise
    workers.await_chief()


def _folder(variable: str) -> Path | None:
    """A folder that the job may leave out, or leave empty."""
    named = os.environ.get(variable)
    return Path(named) if named else None


def _truth(text: str) -> bool:
    """A truth value as hyperparameters write it."""
    values = {"true": True, "false": False}
    if text.lower() not in values:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return values[text.lower()]


if __name__ == "__main__":
    from headgate_training.words import tell_failure

    sys.excepthook = tell_failure
    main()
