"""The rehearsal of the documentation, run as a reader would run it."""

import os
import subprocess
import sys

from e2e.conftest import ROOT, Cloud


def test_the_rehearsal_plays_every_scene(cloud: Cloud) -> None:
    card = cloud.card
    variables = {
        "AWS_ENDPOINT_URL": card.endpoint_url,
        "AWS_DEFAULT_REGION": card.region,
        "AWS_ACCESS_KEY_ID": card.access_key_id,
        "AWS_SECRET_ACCESS_KEY": card.secret_access_key,
    }
    script = ROOT / "examples" / "rehearsal.py"
    played = subprocess.run(
        [sys.executable, str(script)], env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert played.returncode == 0, played.stderr
    assert "because the CloudWatch alarm rehearsal-errors is in ALARM" in played.stdout
    assert ", 0 of them failed" in played.stdout
    assert "no load to one instance less" in played.stdout.splitlines()[-1]
