"""Who owns what, and how things are called: every name that leaves Headgate is made here.

All bounds follow from AWS's: a SageMaker name has at most 63 characters, an execution's name 80. A tenant's name holds
no hyphen, so that `<tenant>-` begins the names of nobody else's resources: this is how IAM tells tenants apart.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from headgate.domain.errors import BadKeyError

TENANT = re.compile(r"[a-z][a-z0-9]{2,17}")
PROJECT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,28}[a-z0-9])?")
RUN = re.compile(r"(?P<tenant>[a-z0-9]+)-(?P<project>[a-z0-9-]+)-(?P<dataset>[0-9a-f]{10})")
UNKNOWN = "unknown"
"""Stands for the tenant or the project that a key does not name; no data is accepted under it."""

MAX_BYTES = 2 * 1024**3
"""Bytes of a dataset that a function validates, before and after decompression: three copies of it have to fit into its
disk. A larger one goes to a machine (`headgate.domain.machines`)."""

MAX_SETTINGS_BYTES = 64 * 1024
"""Bytes of a project.yaml; one that is larger is refused."""

OWNER_TAG = "headgate:ledger"
"""The tag that names the ledger which numbers a release; the template's policy asks for it too."""
TENANT_TAG, PROJECT_TAG = "headgate:tenant", "headgate:project"
"""The tags that say whose a thing is; of an alarm that is not ours they say which project it rings for."""
RUN_TAG, RELEASE_TAG, KIND_TAG = "headgate:run", "headgate:release", "headgate:kind"
"""The tags that say which run and which release a thing was made for, and of which kind an alarm is."""

SYSTEM = "_system"
"""Stands for no tenant: whoever works in its name does so for the deployment, and its code lies under it."""
NOBODY = "_unknown"
"""Stands for the tenant that is not known yet."""
VALIDATION = "-v"
"""The end of the name of a run's validation on a machine; the run's own name is its evaluation's (train.asl.yaml)."""

_CAPTURED = "_captured/"
COMPLETION_MARKERS = frozenset({"_SUCCESS", "manifest.json"})
_UNFINISHED_SUFFIXES = (".tmp", ".part", ".partial", ".crdownload")


@dataclass(frozen=True, slots=True)
class Project:
    """One line of models behind one endpoint, and the tenant that owns it.

    Raises:
        BadKeyError: when a name breaks its pattern; such a name never reaches AWS.
    """

    tenant: str
    name: str

    def __post_init__(self) -> None:
        if not TENANT.fullmatch(self.tenant):
            raise BadKeyError(
                f"{self.tenant!r} cannot be a tenant: use 3 to 18 lower-case letters and digits, beginning with "
                "a letter."
            )
        if not PROJECT.fullmatch(self.name):
            raise BadKeyError(
                f"{self.name!r} cannot be a project: use 1 to 30 lower-case letters, digits and inner hyphens."
            )

    @property
    def endpoint(self) -> str:
        """The endpoint's name, which is also the model package group's."""
        return f"{self.tenant}-{self.name}"

    @property
    def prefix(self) -> str:
        """Where the project's objects begin, in either bucket; ends with a slash."""
        return f"{self.tenant}/{self.name}/"

    @property
    def incoming(self) -> str:
        """Where uploads lie in the data bucket; ends with a slash."""
        return f"{self.prefix}incoming/"

    @property
    def settings(self) -> str:
        """The key of the project's project.yaml in the data bucket."""
        return f"{self.prefix}project.yaml"

    @property
    def tags(self) -> dict[str, str]:
        """The tags of what is made for the project."""
        return {TENANT_TAG: self.tenant, PROJECT_TAG: self.name}

    def run_id(self, dataset: str) -> str:
        """The name of the run on a dataset; it names the execution and the jobs, and so de-duplicates them."""
        return f"{self.endpoint}-{dataset}"

    def dataset_folder(self, dataset: str) -> str:
        """Where what is made of a dataset lies in the artifact bucket; ends with a slash."""
        return f"{self.prefix}datasets/{dataset}/"

    def run_folder(self, run: str) -> str:
        """Where what a run makes lies in the artifact bucket; ends with a slash."""
        return f"{self.prefix}runs/{run}/"

    def quarantine(self, dataset: str = "") -> str:
        """Where refused uploads are set aside in the artifact bucket, or one of them; ends with a slash."""
        return f"{self.prefix}quarantine/{dataset and dataset + '/'}"

    @property
    def feedback(self) -> str:
        """Where labels of the project's answers lie in the data bucket; ends with a slash."""
        return f"{self.prefix}feedback/"

    def captured(self, config: str = "") -> str:
        """Where the captured requests of a project begin, or of one endpoint configuration; ends with a slash.

        They lie beside everything else of the artifact bucket, for S3 lets objects expire by what keys begin with.
        """
        return f"{_CAPTURED}{self.prefix}{config and config + '/'}"

    def release_name(self, sequence: int) -> str:
        """The name of a release's model and of its endpoint configuration."""
        return f"{self.endpoint}-r{sequence}"


def owner_of(run: str) -> Project | None:
    """The project that a run belongs to by its name, or None when it is no run's."""
    parts = RUN.fullmatch(run)
    try:
        return Project(parts["tenant"], parts["project"]) if parts else None
    except BadKeyError:
        return None


def tenant_of_name(name: str) -> str | None:
    """The tenant that a resource (an endpoint, a model package group) would be of by its name; None: nobody's."""
    tenant, hyphen, _ = name.partition("-")
    return tenant if hyphen and TENANT.fullmatch(tenant) else None


@dataclass(frozen=True, slots=True)
class Part:
    """One object of a dataset, pinned to the version that was uploaded; `size` in bytes."""

    key: str
    version_id: str
    size: int


def dataset_id(bucket: str, parts: Iterable[Part]) -> str:
    """The identity of a dataset's content: the same objects in the same versions give the same id.

    Returns:
        Ten hexadecimal digits. Among a million datasets of one project two share an id with probability
        below one half. A clash passes for the first dataset come again: its manifest stands, and the second dataset
        is not trained, neither as itself nor as the first one.
    """
    digest = hashlib.sha256(bucket.encode())
    for part in sorted(parts, key=lambda part: (part.key, part.version_id)):
        digest.update(f"\0{part.key}\0{part.version_id}".encode())
    return digest.hexdigest()[:10]


@dataclass(frozen=True, slots=True)
class Upload:
    """What a key under `incoming/` stands for.

    `folder` is empty for a dataset of one file; otherwise it is the prefix (with its slash) whose objects form
    the dataset, and `completes` says whether this object is the marker that completes it.
    """

    project: Project
    name: str
    folder: str = ""
    completes: bool = True


def parse_upload(key: str) -> Upload | None:
    """Read a raw S3 key (EventBridge does not URL-encode keys, so nothing is decoded here).

    Returns:
        The upload, or None for what is no data: folder placeholders, hidden and unfinished files, settings.

    Raises:
        BadKeyError: when the key lies under `incoming/` but its tenant, project or name cannot be accepted.
    """
    segments = key.split("/")
    if len(segments) < 4 or segments[2] != "incoming":
        return None
    tenant, project, _, name, *rest = segments
    leaf = segments[-1]
    if not leaf or (leaf.startswith(".") and leaf.strip(".")) or _is_unfinished(leaf):
        return None
    if any(segment in ("", ".", "..") for segment in segments) or _has_control_characters(key):
        raise BadKeyError(
            "The key holds an empty segment, a dot segment or a control character. "
            "Name it <tenant>/<project>/incoming/<file>."
        )
    owner = Project(tenant, project)
    if UNKNOWN in (tenant, project):
        raise BadKeyError(f"{UNKNOWN!r} is kept for uploads that name no tenant or no project. Take another name.")
    if not rest:
        return None if name in COMPLETION_MARKERS else Upload(owner, name)
    folder = f"{owner.incoming}{name}/"
    return Upload(owner, name, folder, completes=len(rest) == 1 and leaf in COMPLETION_MARKERS)


def is_data(name: str) -> bool:
    """Whether an object of a dataset's folder, by its name in there, is data: no marker, placeholder or hidden file.

    Neither is a file that its writer has not finished (`part-0.csv.tmp`), nor what lies in a folder that begins with an
    underscore, which is a writer's own (`_temporary/`).
    """
    segments = name.split("/")
    if name in COMPLETION_MARKERS or _is_unfinished(name):
        return False
    return all(segment and segment[0] not in "._" for segment in segments)


def _is_unfinished(name: str) -> bool:
    return name.lower().endswith(_UNFINISHED_SUFFIXES)


def _has_control_characters(key: str) -> bool:
    # C0, C1 and the bidirectional overrides that make a name read as another one.
    return any(ord(char) < 32 or 127 <= ord(char) < 160 or char in "\u202a\u202b\u202c\u202d\u202e" for char in key)


def printable(text: str) -> str:
    """A text of somebody else's to be printed and mailed: what could forge a line or steer a terminal is replaced."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def tenant_of(key: str) -> str:
    """The tenant in whose name a key is handled: its first segment when it could be one, else UNKNOWN."""
    first = key.partition("/")[0]
    return first if TENANT.fullmatch(first) else UNKNOWN


def validation_job(run: str) -> str:
    """The processing job that validates a run's dataset, where a function has no room for it; as `train` names it."""
    return f"{run}{VALIDATION}"


def places_of(tenant: str, data_bucket: str, artifact_bucket: str) -> list[tuple[str, str]]:
    """The buckets that hold a tenant's objects, and where they begin in them; each prefix ends with a slash."""
    own = f"{tenant}/"
    return [(data_bucket, own), (artifact_bucket, own), (artifact_bucket, f"{_CAPTURED}{own}")]


def execution_arn(machine: str, name: str) -> str:
    """The ARN of an execution, of the ARN of its state machine."""
    return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"


def tenant_stack(stack: str, tenant: str) -> str:
    """The name of the stack of a deployment's tenant; without a tenant, what the names of all begin with."""
    return f"{stack}-tenant-{tenant}"


def tuning_job_name(run: str) -> str:
    """The name of a run's tuning job; AWS allows 32 characters, and its jobs' names begin with it."""
    return f"{run[:19].strip('-')}-{hashlib.sha256(run.encode()).hexdigest()[:12]}"
