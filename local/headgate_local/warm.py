"""Loaded first into the fork server of the warm pool: its lifeline, and quiet for TensorFlow's start-up notes."""

import os

from headgate_local.lifeline import die_with_parent

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
die_with_parent()
