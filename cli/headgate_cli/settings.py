"""Keeping a setting in a project's `project.yaml`, which people write: everything else in it stays to the letter."""

import math
from collections.abc import Mapping

import yaml

from headgate.aws.s3 import Objects
from headgate.domain.errors import NotFoundError, SettingsError
from headgate.domain.names import MAX_SETTINGS_BYTES, Project
from headgate.domain.project_file import parse_settings
from headgate.services.settings import written_settings
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError

_TRIES = 5


def merge_settings(cloud: Cloud, project: Project, wanted: Mapping[str, str]) -> bool:
    """Set what is wanted in the project's `project.yaml`.

    Returns:
        Whether anything was written: False when the settings said so already.

    Raises:
        CommandError: when the settings that are there cannot be read or cannot be changed; then nothing is written.
    """
    objects = Objects(cloud.client("s3"))
    for _ in range(_TRIES):
        if (written := _merged(objects, cloud, project, wanted)) is not None:
            return written
    raise CommandError(f"{project.settings} was changed by others each time it was to be written. Try again.")


def _merged(objects: Objects, cloud: Cloud, project: Project, wanted: Mapping[str, str]) -> bool | None:
    """As `merge_settings` gives it; None where somebody wrote it at the same time, whose words stay."""
    bucket = cloud.data_bucket
    try:  # asked before it is read: what is read may be newer, and then is not overwritten either
        etag = str(objects.identity(bucket, project.settings)["etag"])
    except NotFoundError:
        etag = None
    present, _ = written_settings(project, objects, bucket) or (b"", "")
    if _says(present, wanted):
        return False
    try:
        if len(present) > MAX_SETTINGS_BYTES:  # no more of it was read than tells that
            raise SettingsError(f"It is larger than {MAX_SETTINGS_BYTES // 1024} KB.")
        text = with_settings(present.decode("utf-8-sig"), wanted)
    except (SettingsError, UnicodeDecodeError) as error:
        lines = "; ".join(f"{name}: {value}" for name, value in wanted.items())
        place = f"s3://{bucket}/{project.settings}"
        raise CommandError(
            f"{place} cannot take {lines}. {error} Write it there yourself, or mend it first."
        ) from error
    return True if objects.replace(bucket, project.settings, etag, text.encode(), "application/yaml") else None


def with_settings(text: str, wanted: Mapping[str, str]) -> str:
    """The text of a `project.yaml` with lines for what is wanted, in place of the ones before or else at the end.

    Raises:
        SettingsError: when the text is not settings, or would not be with these.
    """
    for name, value in wanted.items():
        text = _with_setting(text, name, value)
    settings = parse_settings(text.encode())
    if any(getattr(settings, name) != value for name, value in wanted.items()):
        raise SettingsError("project.yaml has a form in which settings cannot be replaced.")
    return text


def _with_setting(text: str, name: str, value: str) -> str:
    # PyYAML quotes what YAML would take for something else ('yes', '2019'), but is at odds with itself on line breaks.
    plain = value.isprintable()
    line = yaml.safe_dump(
        {name: value}, allow_unicode=plain, default_style=None if plain else '"', width=math.inf
    ).removesuffix("\n")
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        raise SettingsError("project.yaml cannot be read as YAML.") from None
    if root is None:
        return _appended(text, line)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise SettingsError("project.yaml has to hold `key: value` lines.")
    for key, old in root.value:
        if key.value == name:
            start, end = key.start_mark.index, old.end_mark.index
            ended = "\n" if text[start:end].endswith("\n") else ""
            return text[:start] + line + ended + text[end:]
    return _appended(text, line)


def _appended(text: str, line: str) -> str:
    ending = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{ending}{line}\n"


def _says(content: bytes, wanted: Mapping[str, str]) -> bool:
    try:
        settings = parse_settings(content)
    except SettingsError:
        return False  # what is wrong with it may be what is to be replaced
    return all(getattr(settings, name) == value for name, value in wanted.items())
