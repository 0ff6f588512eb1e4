"""Places are given in turn, and given back."""

import threading

import pytest

from headgate_local.sagemaker.jobs.places import Places


def test_no_more_than_there_are_hold_a_place() -> None:
    places, most, held, lock = Places(2), [0], [0], threading.Lock()
    both = threading.Barrier(2)

    def work() -> None:
        with places.taken(lambda: False) as got:
            assert got
            with lock:
                held[0] += 1
                most[0] = max(most[0], held[0])
            both.wait(30)  # two are needed at once for either to go on
            with lock:
                held[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (held, most) == ([0], [2])


def test_who_gives_up_gets_none_and_lets_the_next_have_it() -> None:
    places, gave_up, results = Places(1), threading.Event(), {}

    def work(name: str, gives_up) -> None:
        with places.taken(gives_up) as got:
            results[name] = got

    with places.taken(lambda: False):
        first = threading.Thread(target=work, args=("first", gave_up.is_set))
        second = threading.Thread(target=work, args=("second", lambda: False))
        first.start()
        second.start()
        gave_up.set()
        places.look_again()
        first.join(30)
        assert results == {"first": False}
    second.join(30)
    assert results == {"first": False, "second": True}


def test_a_place_is_given_back_by_who_fails() -> None:
    places = Places(1)
    with pytest.raises(ValueError, match="why"), places.taken(lambda: False):
        raise ValueError("why")
    with places.taken(lambda: False) as got:
        assert got
