"""The rehearsal of releases, as a person would run it: it says itself what did not end as it should."""

import subprocess
import sys

from .conftest import ROOT, Cloud


def test_every_release_of_the_rehearsal_ends_as_it_should(cloud: Cloud) -> None:
    assert cloud.card.pid  # the script finds it by its card, as the command line does
    script = ROOT / "examples" / "release_rehearsal.py"
    played = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stdout + played.stderr
    told = played.stdout.splitlines()
    assert len([line for line in told if "  as it should: " in line]) == 15
    assert told[-1].endswith("ended as they should.")
