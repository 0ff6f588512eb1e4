from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.runs import Champion, Head, Outcome, Run, Start, Supersede, Wait, admit, attempts


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


def test_a_champion_remembers_the_challengers_that_it_turned_away() -> None:
    def judged(number: int, state: str, metrics: dict[str, str] | None = None) -> Run:
        name = f"d{number}"
        measured = {"metric": "auc"} if metrics is None else metrics
        return Run(name, "demo", "iris", name, "x.csv", str(number), "now", state, metrics=measured)

    runs = [
        judged(1, Outcome.NOT_PROMOTED),  # met an earlier champion
        judged(2, Outcome.PROMOTED),
        judged(3, Outcome.NOT_PROMOTED),
        judged(4, Outcome.REJECTED, {}),
        judged(5, Outcome.NOT_PROMOTED, {}),
        judged(6, Outcome.NOT_PROMOTED),
        judged(7, "RUNNING", {}),
    ]
    champion = Champion(1, "1", "d2", "s3://x")
    assert attempts(runs, "d7", champion) == 3
    assert attempts(runs, "d6", champion) == 2  # asked again after its end
    assert attempts(runs[::-1], "d7", champion) == 3
    assert attempts([], "d7", champion) == 1
