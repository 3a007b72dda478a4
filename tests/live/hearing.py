"""Collects what a listener tells, so that a test can wait for an event and compare whole sequences."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from telephony.asterisk import listen
from telephony.asterisk.ari import SwitchRow
from telephony.switch import Ended, Snapshot, SwitchEvent

Event = TypeVar("Event")


class Hearing:
    """A listener and its owner's loop."""

    def __init__(self, row: SwitchRow) -> None:
        self.listener = listen(row)
        self.events: list[SwitchEvent] = []
        self.times: list[float] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def of(self, leg: str) -> list[SwitchEvent]:
        """All events of one leg, in order."""
        return [event for event in self.events if getattr(event, "leg", None) == leg]

    def snapshots(self) -> list[Snapshot]:
        return [event for event in self.events if isinstance(event, Snapshot)]

    def wait(self, kind: type[Event], leg: str = "", *, count: int = 1, timeout: float = 30) -> Event:
        """The `count`-th event of this kind (of this leg), once it has come."""

        def found() -> list[Event]:
            return [
                event for event in self.events if isinstance(event, kind) and leg in ("", getattr(event, "leg", ""))
            ]

        self.until(lambda: len(found()) >= count, timeout, f"{kind.__name__} of {leg or 'any leg'}")
        return found()[count - 1]

    def ended(self, leg: str, *, timeout: float = 30) -> Ended:
        return self.wait(Ended, leg, timeout=timeout)

    def snapshot(self, *, count: int = 1, timeout: float = 30) -> Snapshot:
        return self.wait(Snapshot, count=count, timeout=timeout)

    def until(self, true: Callable[[], bool], timeout: float, what: str) -> None:
        give_up = time.monotonic() + timeout
        with self._changed:
            while not true():
                left = give_up - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"no {what} within {timeout} s, only {self.events}")
                self._changed.wait(min(left, 0.25))

    def when(self, event: object) -> float:
        """The moment (Unix time) at which this event was heard."""
        return self.times[[id(heard) for heard in self.events].index(id(event))]

    def close(self) -> None:
        self.listener.close()
        self._thread.join(5)

    def _run(self) -> None:
        for event in self.listener.events():
            if event is not None:
                with self._changed:
                    self.events.append(event)
                    self.times.append(time.time())
                    self._changed.notify_all()
