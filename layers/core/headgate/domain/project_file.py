"""Reading `project.yaml`: strictly, with the key that is wrong and the nearest known one in every refusal."""

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import ValidationError

from headgate.domain.errors import SettingsError
from headgate.domain.names import MAX_SETTINGS_BYTES
from headgate.domain.project import ProjectSettings
from headgate.domain.section import Section

MAX_DEPTH = 8


def parse_settings(content: bytes) -> ProjectSettings:
    """Read project.yaml.

    Raises:
        SettingsError: naming the key that is wrong, what is wrong with it, and the nearest known key.
    """
    if len(content) > MAX_SETTINGS_BYTES:
        most = MAX_SETTINGS_BYTES // 1024
        raise SettingsError(f"project.yaml is larger than {most} KB. Keep settings in it, and no data.")
    try:
        text = content.decode("utf-8-sig")
        _refuse_bombs(text)
        document = yaml.load(text, _UniqueKeyLoader)  # noqa: S506 - a SafeLoader that also refuses doubled keys
    except (UnicodeDecodeError, yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"project.yaml cannot be read as YAML{_place(error)}.") from error
    if document is None:
        return ProjectSettings()
    if not isinstance(document, dict):
        raise SettingsError("project.yaml has to hold `key: value` lines, for example `target: diagnosis`.")
    try:
        return ProjectSettings.model_validate(document)
    except ValidationError as error:
        said = "; ".join(_sentences(error))
        raise SettingsError(f"project.yaml: {said}{'' if said.endswith('?') else '.'}") from error


def describe_settings() -> Iterator[tuple[str, str, str, str]]:
    """Every key as (key, values, default, meaning), in the order of the model; docs and command line show it."""
    yield from _describe(ProjectSettings, "")


def _describe(model: type[Section], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from _describe(kind, f"{prefix}{name}.")
            continue
        default = field.get_default(call_default_factory=True)
        shown = "" if default is None or default in ([], {}) else str(default)
        shown = shown.lower() if kind is bool else shown
        yield f"{prefix}{name}", _values(kind), shown, field.description or ""


def _values(kind: Any) -> str:
    words = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    if kind in words:
        return words[kind]
    if isinstance(kind, type) and issubclass(kind, Section):
        return ", ".join(f"`{name}`" for name in kind.model_fields)
    options = [option for option in get_args(kind) if option is not type(None)]
    origin = get_origin(kind)
    if origin is list:
        item = _values(options[0])
        return f"list of {item}" if item.startswith("`") else f"list of {item}s"
    if origin is dict:
        return f"column: {_values(options[1])}"
    if origin is Literal:
        return ", ".join(f"`{option}`" for option in options)
    return _values(options[0])  # Annotated, or optional


class _UniqueKeyLoader(yaml.SafeLoader):
    """PyYAML's safe loader, but a key may not stand twice, and yes, no, on and off are text as in YAML 1.2."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way to say it
        first: [rule for rule in rules if rule[0] != "tag:yaml.org,2002:bool" or first in "tTfF"]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise SettingsError(f"project.yaml: {key} stands there twice; keep one.")
        return super().construct_mapping(node, deep)


def _refuse_bombs(text: str) -> None:
    # Aliases can make a small file enormous, and deep nesting exhausts the stack; settings need neither.
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise SettingsError("project.yaml uses a YAML alias (*name). Write the value out instead.")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise SettingsError(f"project.yaml is nested deeper than {MAX_DEPTH} levels.")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" (line {mark.line + 1})" if mark else ""


def _sentences(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_input=False):
        path = [str(step) for step in problem["loc"]]
        if problem["type"] == "extra_forbidden":
            yield _unknown_key(path)
        else:
            place = f"{'.'.join(path)}: " if path else ""
            if problem["type"] == "string_pattern_mismatch":  # nobody should have to read the pattern
                yield f"{place}this cannot be read; it means: {_meaning(path)}"
                continue
            said = problem["msg"].removeprefix("Value error, ")  # how pydantic begins the words of our own checks
            yield f"{place}{said[0].lower()}{said[1:]}"


def _meaning(path: Sequence[str]) -> str:
    """What the settings' page says of a key, or of the list or section that it is in."""
    known = {key: f"{meaning}{default and f', such as {default}'}" for key, _, default, meaning in describe_settings()}
    keys = (".".join(path[:end]) for end in range(len(path), 0, -1))
    return next((known[key] for key in keys if key in known), "not a known key")


def _unknown_key(path: list[str]) -> str:
    key, parent = ".".join(path), ".".join(path[:-1])
    known = [name for name, *_ in describe_settings()]
    siblings = sorted({name.removeprefix(f"{parent}.").split(".")[0] for name in known if name.startswith(parent)})
    nearest = difflib.get_close_matches(key, [*known, *siblings], n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]}?" if nearest else f"known keys are {', '.join(siblings)}"
    return f"{key} is not a known key; {hint}"
