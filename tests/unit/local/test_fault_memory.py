"""What the faults and the experiments remember is bounded."""

import pytest

from headgate_local.api.errors import ApiError
from headgate_local.faults import experiments as module
from headgate_local.faults.book import Faults
from headgate_local.faults.experiments import Experiments

DROP = {"actionId": "aws:events:drop-events"}


@pytest.fixture
def experiments(monkeypatch) -> Experiments:
    """Experiments of which three are kept, whose role nobody has to have."""
    monkeypatch.setattr(module, "MOST", 3)
    monkeypatch.setattr(module.identity, "assume", lambda *_: object())
    return Experiments(Faults())


def template(experiments: Experiments, token: str) -> str:
    request = {"stopConditions": [{"source": "none"}], "actions": {"a": DROP}, "roleArn": "r", "clientToken": token}
    return str(experiments.create_template(request)["experimentTemplate"]["id"])


def test_the_oldest_experiments_go_but_not_one_that_runs(experiments) -> None:
    of = {"experimentTemplateId": template(experiments, "t")}
    runs = experiments.start({**of, "clientToken": "0"})["experiment"]["id"]
    ended = []
    for number in range(1, 6):
        name = experiments.start({**of, "clientToken": str(number)})["experiment"]["id"]
        experiments.stop({"id": name})
        ended.append(name)
    listed = [each["id"] for each in experiments.list_all({})["experiments"]]
    assert listed == [ended[4], ended[3], runs]
    with pytest.raises(ApiError, match="There is no experiment"):
        experiments.get({"id": ended[0]})
    assert len(experiments._tokens) == 1 + 3  # the template's, and those of the experiments that are kept
    assert len(experiments._faults._faults) == 1


def test_a_token_is_remembered_as_long_as_what_it_made(experiments) -> None:
    made = template(experiments, "t")
    assert template(experiments, "t") == made
    experiments.delete_template({"id": made})
    assert not experiments._tokens
