"""Loaded first into the fork server of the warm pool: no keys, its lifeline, quiet for TensorFlow's start-up notes."""

import os
import sys

from headgate_local.lifeline import die_with_parent

_kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
if len(_kept) < len(os.environ):
    # /proc shows the environment that a process began with, whatever it does to it, and that of a fork is its
    # parent's. Jobs are forks of this process: it begins anew without the cloud's keys.
    os.execve(sys.executable, sys.orig_argv, _kept)  # noqa: S606 - what runs already
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
die_with_parent()
