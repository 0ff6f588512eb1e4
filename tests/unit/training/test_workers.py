"""Who the workers of a training are, and what is whose. Real ones train in tests/integration."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate_training.workers import PORT, Workers, cluster_of


class Share(Workers):
    def __init__(self, count: int, index: int) -> None:
        self.count, self.index = count, index


@given(st.integers(1, 9), st.integers(0, 200))
def test_a_batch_is_shared_whole_and_evenly(count: int, batch: int) -> None:
    rows = np.arange(batch)
    shares = [rows[Share(count, index).share(batch)] for index in range(count)]
    np.testing.assert_array_equal(np.concatenate(shares), rows)
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1


def test_the_cluster_is_that_of_sagemakers_hosts() -> None:
    hosts = {"SM_HOSTS": '["algo-1", "algo-2"]', "SM_CURRENT_HOST": "algo-2"}
    assert cluster_of(hosts) == {
        "cluster": {"worker": [f"algo-1:{PORT}", f"algo-2:{PORT}"]},
        "task": {"type": "worker", "index": 1},
    }
    told = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 0}}
    assert cluster_of({**hosts, "TF_CONFIG": json.dumps(told)}) == told


@pytest.mark.parametrize("environment", [{}, {"SM_HOSTS": '["algo-1"]', "SM_CURRENT_HOST": "algo-1"}])
def test_one_host_is_no_cluster(environment: dict[str, str]) -> None:
    assert cluster_of(environment) is None
