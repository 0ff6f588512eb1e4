from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.runs import Head, Start, Supersede, Wait, admit


def test_an_idle_project_starts_what_comes() -> None:
    assert admit(Head(), "a", "1") == Start()


def test_the_active_run_may_be_started_again() -> None:
    assert admit(Head(active="a", waiting="b", waiting_order="2"), "a", "1") == Start()


def test_behind_an_active_run_one_waits() -> None:
    assert admit(Head(active="a"), "b", "2") == Wait()


def test_a_newer_one_takes_the_waiting_ones_place() -> None:
    assert admit(Head(active="a", waiting="b", waiting_order="2"), "c", "3") == Wait(supersedes="b")


def test_an_older_one_that_comes_late_is_superseded() -> None:
    assert admit(Head(active="a", waiting="c", waiting_order="3"), "b", "2") == Supersede(by="c")


def test_asking_twice_for_the_waiting_one_changes_nothing() -> None:
    assert admit(Head(active="a", waiting="b", waiting_order="2"), "b", "2") == Wait()


@given(st.lists(st.integers(0, 99), unique=True, min_size=1))
def test_of_all_that_wait_only_the_newest_is_left(arrivals: list[int]) -> None:
    head, superseded = Head(active="x"), set()
    for number in arrivals:
        match admit(head, str(number), f"{number:04d}"):
            case Wait(supersedes):
                if supersedes is not None:
                    superseded.add(supersedes)
                head = Head(active="x", waiting=str(number), waiting_order=f"{number:04d}")
            case Supersede(by):
                assert int(by) > number
                superseded.add(str(number))
    assert head.waiting == str(max(arrivals))
    assert superseded == {str(number) for number in arrivals} - {head.waiting}
