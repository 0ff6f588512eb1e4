"""The agenda does things at their time, in their account, and survives what fails."""

import contextvars
import threading
from collections.abc import Iterator

import pytest
from ministack.core.responses import get_account_id, set_request_account_id

from headgate_local.autoscaling.agenda import Agenda

PATIENCE = 10.0


@pytest.fixture
def agenda() -> Iterator[Agenda]:
    made = Agenda()
    yield made
    made.close()


def test_what_is_due_first_is_done_first(agenda: Agenda) -> None:
    done, all_done = [], threading.Event()
    agenda.after(1.0, all_done.set)
    agenda.after(0.5, done.append, "second")
    agenda.soon(done.append, "first")
    assert all_done.wait(PATIENCE)
    assert done == ["first", "second"]


def test_what_is_cancelled_is_not_done(agenda: Agenda) -> None:
    done, all_done = [], threading.Event()
    entry = agenda.after(0.05, done.append, "cancelled")
    agenda.after(0.1, all_done.set)
    agenda.cancel(entry)
    agenda.cancel(entry)
    agenda.cancel(None)
    assert all_done.wait(PATIENCE)
    assert done == []


def test_a_failure_does_not_keep_the_next_from_being_done(agenda: Agenda) -> None:
    done = threading.Event()

    def fail() -> None:
        raise ValueError("on purpose")

    agenda.soon(fail)
    agenda.soon(done.set)
    assert done.wait(PATIENCE)


def test_work_may_enter_further_work(agenda: Agenda) -> None:
    done = threading.Event()
    agenda.soon(agenda.soon, done.set)
    assert done.wait(PATIENCE)


def test_work_is_done_in_the_account_that_it_was_entered_from(agenda: Agenda) -> None:
    seen, done = [], threading.Event()

    def enter(account: str) -> None:
        set_request_account_id(account)
        agenda.soon(lambda: seen.append(get_account_id()))

    for account in ("111111111111", "222222222222"):
        contextvars.copy_context().run(enter, account)
    agenda.soon(done.set)
    assert done.wait(PATIENCE)
    assert seen == ["111111111111", "222222222222"]


def test_a_closed_agenda_does_nothing_more() -> None:
    agenda, late, later = Agenda(), threading.Event(), threading.Event()
    agenda.after(0.05, late.set)
    agenda.close()
    agenda.soon(later.set)
    assert not late.wait(0.5)
    assert not later.is_set()
