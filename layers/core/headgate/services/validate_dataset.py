"""Decide whether a dataset is fit to train on; write its split and its report, or set it aside with the reason."""

import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headgate.aws.s3 import Objects
from headgate.domain.errors import DatasetRefusedError, NotFoundError, SettingsError
from headgate.domain.names import Part, Project
from headgate.domain.project import ProjectSettings, parse_settings
from headgate.domain.project import MAX_BYTES as MAX_SETTINGS_BYTES
from headgate.domain.reasons import Reason
from headgate.domain.runs import Champion, Head
from headgate.domain.spec import TrainingSpec
from headgate.tables.engine import Limits
from headgate.tables.examine import Examined, examine, fetch

Validated = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ValidateRequest:
    """Which dataset of which project, and where things are."""

    project: Project
    run: str
    dataset: str
    data_bucket: str
    artifact_bucket: str
