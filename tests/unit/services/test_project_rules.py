"""The rules of a project are those of the policy wherever its project.yaml says nothing else."""

from types import SimpleNamespace
from typing import Any

from headgate.domain.errors import NotFoundError
from headgate.domain.names import MAX_SETTINGS_BYTES, Project
from headgate.domain.respond_settings import Answer, RespondSettings
from headgate.domain.rules import DEFAULTS, Rules
from headgate.services.project_rules import ProjectRules


def rules_of(text: bytes | None) -> Rules:
    def get_newest(_bucket: str, key: str, *, limit: int) -> tuple[bytes, str]:
        if text is None:
            raise NotFoundError(key)
        return text[:limit], "1"

    objects: Any = SimpleNamespace(get_newest=get_newest)
    return ProjectRules(objects, "data", 10).of(Project("demo", "iris"))


def test_settings_that_say_nothing_are_the_defaults_and_so_are_none_and_broken_ones() -> None:
    assert rules_of(b"{}") == rules_of(b"respond: {}") == rules_of(None) == rules_of(b"respond: [") == Rules()
    assert rules_of(b"respond: {cost: ignore} #" + b"x" * MAX_SETTINGS_BYTES) == Rules()


def test_every_kind_of_alarm_can_be_set_and_nothing_else_is_an_answer() -> None:
    assert {name for name, field in RespondSettings.model_fields.items() if field.annotation == Answer} == {*DEFAULTS}
    assert rules_of(b"respond: {cost: ignore}").answers == {**DEFAULTS, "cost": "ignore"}
