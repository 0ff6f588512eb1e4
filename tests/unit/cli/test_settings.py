"""Keeping a setting in a file that people write: nothing else in it changes."""

from collections.abc import Callable

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.aws.s3 import Objects
from headgate.domain.names import Project
from headgate.domain.project_file import parse_settings
from headgate.services.settings import written_settings
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError
from headgate_cli.settings import merge_settings, with_settings

PROJECT_OF_DEMO = Project("demo", "boards")
SETTINGS = """\
# Agreed with the clinic on 3 March.
positive: yes        # of yes and no
columns:
  no: drop
  ward: categorical  # numbers that are codes
metric: auc
"""


@pytest.fixture
def cloud(aws: boto3.Session, make_bucket: Callable[[str], str]) -> Cloud:
    return Cloud(aws, "headgate", None, {"DataBucket": make_bucket("data")})


@pytest.fixture
def settings_file(cloud: Cloud) -> Callable[..., str]:
    """Write the project's settings, or read them: `settings_file("metric: mae")`, `settings_file()`."""
    s3, place = cloud.client("s3"), {"Bucket": "data", "Key": "demo/boards/project.yaml"}

    def written(text: str | None = None) -> str:
        if text is not None:
            s3.put_object(**place, Body=text.encode())
        return s3.get_object(**place)["Body"].read().decode()

    return written


def test_settings_are_added_to_what_is_there_to_the_letter(cloud: Cloud, settings_file: Callable[..., str]) -> None:
    settings_file(SETTINGS)
    assert merge_settings(cloud, PROJECT_OF_DEMO, {"target": "yes", "task": "binary"})
    assert settings_file() == SETTINGS + "target: 'yes'\ntask: binary\n"
    settings = parse_settings(settings_file().encode())
    assert (settings.target, settings.positive, settings.columns["no"]) == ("yes", "yes", "drop")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "metric: mae\ntarget: old  # for now\nmin_rows: 60\n",
            "metric: mae\ntarget: skips  # for now\nmin_rows: 60\n",
        ),
        ("target: 'old'\r\nmetric: mae\r\n", "target: skips\r\nmetric: mae\r\n"),
        ("target: >-\n  a long\n  name\nmetric: mae\n", "target: skips\nmetric: mae\n"),
        ("target:\nmetric: mae\n", "target: skips\nmetric: mae\n"),
        ("task: guess\ntarget: x", "task: guess\ntarget: skips"),
        ("metric: mae", "metric: mae\ntarget: skips\n"),
        ("# nothing yet\n", "# nothing yet\ntarget: skips\n"),
        ("", "target: skips\n"),
    ],
)
def test_a_setting_takes_the_place_of_the_one_before(
    cloud: Cloud, settings_file: Callable[..., str], before: str, after: str
) -> None:
    settings_file(before)
    wanted = {"target": "skips"} if "guess" not in before else {"target": "skips", "task": "regression"}
    assert merge_settings(cloud, PROJECT_OF_DEMO, wanted)
    assert settings_file() == after.replace("guess", "regression")


@given(target=st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30))
def test_any_column_can_become_the_target(target: str) -> None:
    text = with_settings(SETTINGS, {"target": target})
    assert text.startswith(SETTINGS)
    assert parse_settings(text.encode()).target == target
    assert with_settings(text, {"target": "skips"}) == SETTINGS + "target: skips\n"


def test_settings_that_are_there_already_are_not_written_again(cloud: Cloud) -> None:
    assert merge_settings(cloud, PROJECT_OF_DEMO, {"target": "skips"})
    assert not merge_settings(cloud, PROJECT_OF_DEMO, {"target": "skips"})


def test_what_another_writes_at_the_same_time_stays(
    cloud: Cloud, settings_file: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_file("metric: mae\n")
    others = iter(["metric: rmse\n", "metric: r2\n"])

    def read_late(project: Project, objects: Objects, bucket: str) -> tuple[bytes, str] | None:
        found = written_settings(project, objects, bucket)
        if (text := next(others, None)) is not None:
            settings_file(text)
        return found

    monkeypatch.setattr("headgate_cli.settings.written_settings", read_late)
    assert merge_settings(cloud, PROJECT_OF_DEMO, {"target": "skips"})
    assert settings_file() == "metric: r2\ntarget: skips\n"


LARGE = f"target: a_long_name\n{'# notes'.ljust(80)}\n" + "#" * (64 * 1024) + "\nmin_rows: 500\n"
"""Shorter than it may be with a shorter target, had it been cut off where reading stops."""


@pytest.mark.parametrize(
    "content", ["a: [", "- a list", "epochs: 3", "{metric: mae}", "metric: mae\n...\n", "a: b: c", LARGE]
)
def test_settings_that_cannot_be_changed_are_left_alone(
    cloud: Cloud, settings_file: Callable[..., str], content: str
) -> None:
    settings_file(content)
    with pytest.raises(CommandError, match="mend it"):
        merge_settings(cloud, PROJECT_OF_DEMO, {"target": "skips"})
    assert settings_file() == content
