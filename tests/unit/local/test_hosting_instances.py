"""Instances take requests, come and go, and never leave a request behind."""

import threading
from collections import Counter
from contextlib import ExitStack, suppress

import pytest
from waiting import eventually

from headgate_local.sagemaker.hosting.instances import Closed, Instances, NoneUp
from headgate_local.sagemaker.hosting.server import Answer, NotServable
from headgate_local.sagemaker.hosting.serverless import OnDemand, TooManyRequests

FOREVER = 3600.0


class Server:
    """A process that is none: it remembers whether it was ended."""

    def __init__(self) -> None:
        self.up, self.closed = True, False

    def invoke(self, body: bytes, headers: dict[str, str]) -> Answer:
        return Answer(200, "text/plain", body)

    def close(self) -> None:
        self.up, self.closed = False, True


def is_closed(instances: Instances) -> bool:
    try:
        with instances.take():
            return False
    except Closed:
        return True


@pytest.fixture
def started():
    return []


@pytest.fixture
def launch(started):
    def one() -> Server:
        started.append(Server())
        return started[-1]

    return one


def test_each_instance_has_a_process_up_to_the_number_of_cores(launch, started) -> None:
    instances = Instances(launch, processes=2)
    instances.resize(5)
    assert (instances.count, len(started)) == (5, 2)
    assert sorted(Counter(each.server for each in instances.all).values()) == [2, 3]
    assert len({each.id for each in instances.all}) == 5


def test_a_shared_process_ends_with_its_last_instance(launch, started) -> None:
    instances = Instances(launch, processes=2)
    instances.resize(4)
    instances.resize(2)
    assert [server.closed for server in started] == [False, False]
    instances.resize(1)
    eventually(lambda: [server.closed for server in started] == [False, True])
    instances.resize(3)
    assert len(started) == 3
    instances.close()
    assert all(server.closed for server in started)


def test_an_instance_that_goes_answers_what_it_has_taken(launch, started) -> None:
    instances = Instances(launch, "LEAST_OUTSTANDING_REQUESTS", processes=2)
    instances.resize(2)
    with ExitStack() as stack:
        taken = {stack.enter_context(instances.take()) for _ in range(2)}
        assert taken == set(instances.all)
        instances.resize(1)
        with instances.take() as again:
            assert again is instances.all[0]
        assert not any(server.closed for server in started)
    eventually(lambda: [server.closed for server in started] == [False, True])


def test_two_batches_that_go_wait_for_each_other_on_a_shared_process(launch, started) -> None:
    instances = Instances(launch, "LEAST_OUTSTANDING_REQUESTS", processes=1)
    instances.resize(3)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(instances.take())
        instances.resize(2)
        closing = threading.Thread(target=instances.close)
        closing.start()
        eventually(lambda: is_closed(instances))
        assert not started[0].closed
    closing.join(10)
    assert started[0].closed


def test_the_least_busy_instance_is_chosen_if_asked_for(launch) -> None:
    instances = Instances(launch, "LEAST_OUTSTANDING_REQUESTS", processes=9)
    instances.resize(3)
    with ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(instances.take())
        assert [each.under_way for each in instances.all] == [2, 2, 2]


def test_an_instance_that_is_down_or_to_be_avoided_is_not_chosen(launch, started) -> None:
    instances = Instances(launch, processes=9)
    instances.resize(3)
    started[0].up = False
    _, second, third = instances.all
    for _ in range(20):
        with instances.take(avoid=second) as chosen:
            assert chosen is third
    started[2].up = False
    with pytest.raises(NoneUp), instances.take(avoid=second):
        pass


def test_what_cannot_start_leaves_the_instances_that_were(started) -> None:
    def launch() -> Server:
        if len(started) == 2:
            raise NotServable("broken")
        started.append(Server())
        return started[-1]

    instances = Instances(launch, processes=9)
    instances.resize(1)
    with pytest.raises(NotServable):
        instances.resize(3)
    assert instances.count == 1
    assert [server.closed for server in started] == [False, True]


def test_the_load_is_what_was_under_way_on_average(launch) -> None:
    instances = Instances(launch, processes=9)
    instances.resize(2)
    instances.load()
    with instances.take(), instances.take():
        assert instances.load() > 0
        assert instances.load() == pytest.approx(1.0)
    instances.load()
    assert instances.load() == 0


def on_demand(
    launch, concurrency: int = 2, provisioned: int = 0, idle: float = FOREVER, setups=None, processes: int = 9
) -> OnDemand:
    return OnDemand(launch, concurrency, provisioned, [].append if setups is None else setups.append, idle, processes)


def test_a_serverless_instance_comes_with_a_request_and_is_used_again(launch, started) -> None:
    setups: list[float] = []
    instances = on_demand(launch, setups=setups)
    for _ in range(3):
        with instances.take() as one:
            assert one.under_way == 1
    assert (len(started), len(setups)) == (1, 1)


def test_more_requests_than_the_concurrency_are_throttled(launch) -> None:
    instances = on_demand(launch)
    with instances.take(), instances.take(), pytest.raises(TooManyRequests), instances.take():
        pass
    with instances.take():
        pass


def test_instances_start_beside_each_other_and_each_is_its_request_s(started) -> None:
    together = threading.Barrier(2, timeout=30)

    def launch() -> Server:
        together.wait()  # breaks unless two are launched at a time
        started.append(Server())
        return started[-1]

    instances = on_demand(launch)
    both, taken, problems = threading.Barrier(2, timeout=30), [], []

    def request() -> None:
        try:
            with instances.take() as one:
                taken.append(one)
                both.wait()
        except BaseException as problem:
            problems.append(problem)

    requests = [threading.Thread(target=request) for _ in range(2)]
    for each in requests:
        each.start()
    for each in requests:
        each.join()
    assert not problems
    assert len(set(taken)) == len(started) == 2
    assert [each.under_way for each in instances.all] == [0, 0]


def test_a_failed_start_is_no_request_under_way_any_more(launch, started) -> None:
    def fail_once() -> Server:
        if not started:
            started.append(Server())
            raise NotServable("broken")
        return launch()

    instances = on_demand(fail_once, concurrency=1)
    with pytest.raises(NotServable), instances.take():
        pass
    with instances.take() as one:
        assert one.under_way == 1


def test_more_instances_than_cores_share_and_none_takes_a_process_that_is_down(launch, started) -> None:
    instances = on_demand(launch, concurrency=9, processes=1)
    with instances.take(), instances.take():
        assert (instances.count, len(started)) == (2, 1)
        started[0].up = False
        with pytest.raises(NoneUp), instances.take():
            pass
    assert instances.count == 2


def test_an_instance_that_starts_while_all_are_closed_is_ended(started) -> None:
    launching, go_on, seen = threading.Event(), threading.Event(), []

    def launch() -> Server:
        launching.set()
        go_on.wait(30)
        started.append(Server())
        return started[-1]

    instances = on_demand(launch)

    def request() -> None:
        with suppress(Closed), instances.take():
            seen.append("served")

    asked, closing = threading.Thread(target=request), threading.Thread(target=instances.close)
    asked.start()
    launching.wait(30)
    closing.start()
    eventually(lambda: is_closed(instances))
    go_on.set()
    asked.join(30)
    closing.join(30)
    assert (seen, [server.closed for server in started], instances.count) == ([], [True], 0)


def test_idle_instances_go_and_provisioned_ones_stay(launch, started) -> None:
    instances = on_demand(launch, provisioned=1, idle=0.02)
    instances.resize(1)
    with instances.take(), instances.take():
        assert instances.count == 2
    eventually(lambda: instances.count == 1)
    instances.adjust(2, 0)
    eventually(lambda: instances.count == 0)
    eventually(lambda: all(server.closed for server in started))
    instances.close()


def test_a_serverless_instance_that_nobody_ever_asks_goes(launch, started) -> None:
    instances = on_demand(launch, idle=0.01)
    instances.resize(1)  # as a deployment does, to see that it can
    eventually(lambda: instances.count == 0)
    eventually(lambda: [server.closed for server in started] == [True])
    instances.close()


def test_a_busy_serverless_instance_does_not_go(launch, started) -> None:
    instances = on_demand(launch, idle=0.01)
    with instances.take():
        with instances.take():
            pass
        eventually(lambda: instances.count == 1)
        assert instances.all[0].under_way == 1
    eventually(lambda: instances.count == 0)


def test_a_closed_one_takes_nothing(launch) -> None:
    for instances in (Instances(launch), on_demand(launch)):
        instances.close()
        assert is_closed(instances)
