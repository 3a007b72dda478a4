"""Every message is handed to eight workers at once: still one ring an attempt, and one agent."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from django.db import connections

from callbacks.models import Callback
from telephony import converge
from tests.crash.guards import never_checked
from tests.crash.performance import perform
from tests.crash.points import Points
from tests.crash.scenarios import HUMAN
from tests.crash.theatre import Theatre

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]

T = TypeVar("T")

WORKERS = 8
ROUNDS = 5
JITTER_SECONDS = 0.05
# A list that is heard once, and more agents than are needed.
SCENARIO = replace(
    HUMAN,
    options={"_treatment_customer_connect": "SampleTreatments/customer_announcement.wav"},
    agents=("kate", "omar", "mia"),
    ready=("kate", "omar", "mia"),
)


class Crowd(Theatre):
    """Every worker's turn is taken by eight of them."""

    def __init__(self, **world: Any) -> None:
        self.points = Points(0, lambda name, inside: None, twins=False)
        self.together = threading.Barrier(WORKERS)
        self.local = threading.local()
        super().__init__(**world)

    @contextmanager
    def performance(self) -> Iterator[None]:
        with super().performance(), ThreadPoolExecutor(WORKERS) as self.workers:
            self.each(self.enter)
            try:
                yield
            finally:
                self.each(self.leave)

    def enter(self) -> None:
        self.local.watch = self.points.watching(connections["default"])
        self.local.watch.__enter__()

    def leave(self) -> None:
        self.local.watch.__exit__(None, None, None)
        connections["default"].close()

    def each(self, work: Callable[[], object]) -> None:
        def turn() -> None:
            self.together.wait(timeout=30)
            # Not all at the same statement: some come while others are between two of them.
            time.sleep(random.uniform(0, JITTER_SECONDS))
            work()

        for done in [self.workers.submit(turn) for _ in range(WORKERS)]:
            done.result()

    def play(self, who: str, work: Callable[[], T]) -> T | None:
        if not who.startswith("worker"):
            return work()
        self.each(work)
        return None


def crowded(*, rounds: int) -> None:
    for _ in range(rounds):
        perform(Crowd(agents=SCENARIO.agents, options=SCENARIO.options), SCENARIO)
        assert Callback.objects.get().journal.filter(kind="reserved").count() == 1


def test_eight_workers_take_every_message() -> None:
    crowded(rounds=ROUNDS)


def test_eight_workers_take_every_message_and_claims_hold_nobody_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim saves work; it is the mark that keeps the phone from ringing twice."""
    monkeypatch.setattr(converge, "CLAIM", timedelta())
    crowded(rounds=ROUNDS)


def test_without_the_guard_the_phone_rings_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converge, "CLAIM", timedelta())
    monkeypatch.setattr(converge, "_send", never_checked)
    with pytest.raises(AssertionError, match="rung twice"):
        crowded(rounds=10 * ROUNDS)
