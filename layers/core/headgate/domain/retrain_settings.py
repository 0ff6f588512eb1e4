"""What can be set of how a project is trained anew, on data that it has."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from headgate.domain.errors import SettingsError
from headgate.domain.schedule import Cron
from headgate.domain.section import Section

_WINDOW = re.compile(r"all|(last|days):[1-9]\d{0,3}")


def _flat(value: object) -> object:
    """`{last: 5}`, as YAML reads `window: {last: 5}`, as `last:5`."""
    if isinstance(value, dict) and len(value) == 1:
        [(name, count)] = value.items()
        return f"{name}:{count}"
    return value.replace(" ", "") if isinstance(value, str) else value


def _known(value: str) -> str:
    if not _WINDOW.fullmatch(value):
        raise ValueError("write `all`, `last: 5` (datasets) or `days: 90`")
    return value


def _readable(value: str) -> str:
    Cron.parse(value)
    return value


def window_of(text: str) -> str:
    """A window as a person or an event writes it, as settings keep it.

    Raises:
        SettingsError: when it is none.
    """
    try:
        return _known(str(_flat(text)))
    except ValueError as error:
        raise SettingsError(f"The window {text!r} is not known: {error}.") from None


WindowText = Annotated[str, BeforeValidator(_flat), AfterValidator(_known)]


class RetrainSettings(Section):
    """Which data a retraining learns from, and when one begins by itself."""

    window: WindowText = Field(
        default="all",
        description="accepted datasets that are trained on together: `all`, `last: 5` of them, or those of `days: 90`; "
        "always the newest that fit into what a dataset may hold",
    )
    schedule: Annotated[str, AfterValidator(_readable)] | None = Field(
        default=None,
        description="when to retrain, as cron in UTC: minute, hour, day, month, weekday, such as `0 3 * * mon`; "
        "otherwise only when an alarm, an event or a person asks",
    )
