from pathlib import Path

import pytest

from headgate_local.sagemaker.jobs.entry_points import moved_within


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("/opt/ml", "/r/opt/ml"),
        ("cd /opt/ml/input && ls '/opt/ml/model'", "cd /r/opt/ml/input && ls '/r/opt/ml/model'"),
        ('DIR = "/opt/ml/model"', 'DIR = "/r/opt/ml/model"'),
        ("A=/opt/ml:/opt/ml/code", "A=/r/opt/ml:/r/opt/ml/code"),
        ("/srv/opt/ml", "/srv/opt/ml"),
        ("/opt/mlflow and /opt/ml-old", "/opt/mlflow and /opt/ml-old"),
    ],
)
def test_paths_of_the_container_are_moved_wherever_they_stand(text: str, moved: str) -> None:
    assert moved_within(text, Path("/r")) == moved
