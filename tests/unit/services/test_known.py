"""What is known of a dataset goes to a machine and comes back the same."""

import json

from headgate.domain.spec import SpecColumn, TrainingSpec
from headgate.services.examination import Known
from headgate.tables.examine import Learned

WHEN = SpecColumn(name="when", kind="datetime", datetime_format="%d/%m/%Y")
SPEC = TrainingSpec(
    target="y",
    task="regression",
    classes=None,
    positive=None,
    metric="rmse",
    direction="minimize",
    seed=1,
    columns=[WHEN, SpecColumn(name="a", kind="numeric")],
)


def test_what_the_champion_learned_survives_the_way_to_a_machine() -> None:
    learned = Learned(SPEC, ["when"], (1.0, 2.5), {"a": [0.0, 1.0, 2.0, 3.0, 4.0]}, [WHEN])
    known = Known("d1", "code", "target: y", "v1", learned, {"dataset": "d0"}, "d0")
    document = json.loads(json.dumps(known.document()))
    assert Known.parse(document) == known
    del document["before"]["identified"]  # asked by a version that did not know it
    assert Known.parse(document).before.identified == []
