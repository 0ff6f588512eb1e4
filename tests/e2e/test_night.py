"""A night of troubles with nobody there, as `make demo-night` plays it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Cloud, headgate


@pytest.mark.timeout(900)  # alarms look at whole minutes, and a machine may do other things
def test_every_scene_of_a_night_ends_in_its_good_state(
    cloud: Cloud, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    page = tmp_path / "night.html"
    code, told = headgate(cloud, "rehearse", "night", "--to", str(page), seconds=900)
    scenes = {each["scene"]: each for each in told["scenes"]}
    assert set(scenes) == {"bad-model", "drift", "outage", "storm"}
    assert all(each["good"] for each in scenes.values()), {name: each["ending"] for name, each in scenes.items()}
    assert code == 0

    seconds = scenes["bad-model"]["seconds"]
    record_property(
        "told", f"from an alarm to the decision {seconds['decided']} s, to serving again {seconds['serving']} s"
    )
    assert 0 < seconds["decided"] < seconds["serving"]
    # The version before answers as soon as it serves, and only the one in trouble ever failed a request.
    assert scenes["bad-model"]["requests"]["answered"] > 0
    assert scenes["drift"]["requests"]["failed"] == 0
    text = page.read_text()
    assert text.count('<svg class="night"') == len(scenes)
    assert "<script" not in text
