"""Looking at something that may hang, without hanging with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import connections

Found = TypeVar("Found")

# A look that hangs that long (a host that vanished keeps a connection for minutes) no longer keeps others from looking,
ABANDON_SECONDS = 10.0
# but so many hang at most.
MOST_HANGING = 5


class NoAnswer(Exception):
    """The look did not end in time."""


class Probe(Generic[Found]):
    """Runs `look` in a thread of its own and waits for it, `seconds` at most. Who asks meanwhile gets the same look."""

    def __init__(self, look: Callable[[], Found], *, seconds: float) -> None:
        self._look = look
        self._seconds = seconds
        self._lock = threading.Lock()
        self._running: list[_Look[Found]] = []

    def ask(self) -> Found:
        """What the look returns. Raises NoAnswer, and what the look raises."""
        until = time.monotonic() + self._seconds
        with self._lock:
            self._running = [look for look in self._running if not look.done.is_set()]
            if not self._running or (self._running[-1].is_old() and len(self._running) < MOST_HANGING):
                self._running.append(_Look(self._look))
                self._running[-1].start()
            look = self._running[-1]
        if not look.done.wait(max(0.0, until - time.monotonic())):
            raise NoAnswer
        return look.result()


class _Look(threading.Thread, Generic[Found]):
    def __init__(self, look: Callable[[], Found]) -> None:
        super().__init__(name="probe", daemon=True)
        self.done = threading.Event()
        self._do = look
        self._began = time.monotonic()
        self._found: list[Found] = []
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            self._found.append(self._do())
        except Exception as error:  # noqa: BLE001 (raised where it is asked for)
            self._error = error
        finally:
            self.done.set()
            connections.close_all()

    def is_old(self) -> bool:
        return time.monotonic() - self._began > ABANDON_SECONDS

    def result(self) -> Found:
        if self._error is not None:
            raise self._error
        return self._found[0]
