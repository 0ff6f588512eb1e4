"""Places for jobs: how many run at once, and who is next."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator


class Places:
    """A number of places, given in the order in which they were asked for."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def taken(self, gives_up: Callable[[], bool]) -> Iterator[bool]:
        """Hold a place for as long as this lasts; waits until one is free. False if `gives_up` says so before."""
        me = object()
        with self._changed:
            self._waiting.append(me)
            self._changed.wait_for(lambda: gives_up() or (self._free > 0 and self._waiting[0] is me))
            self._waiting.remove(me)
            got = not gives_up()
            self._free -= got
            self._changed.notify_all()
        try:
            yield got
        finally:
            with self._changed:
                self._free += got
                self._changed.notify_all()

    def look_again(self) -> None:
        """Let those who wait ask themselves once more whether they give up."""
        with self._changed:
            self._changed.notify_all()
