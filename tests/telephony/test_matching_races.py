"""Eight workers at once: no agent is reserved twice, none is left reserved, none is idle beside somebody who waits.

Each guard has its negative control: the same story without it goes wrong.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any
from unittest import mock

import pytest
from celery import current_app
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from scheduling import kick
from telephony import agents, lines, matching, queues, ready, routing, upwards
from telephony.audience import profiles
from telephony.events import AgentReserved, CallEvent
from telephony.models import Agent, QueueEntry
from telephony.queueplace import QueuePlace
from tests.factories import NOON
from tests.telephony.waiting import Recorder, State, hire, take_place

pytestmark = pytest.mark.django_db(transaction=True)

WORKERS = 8
TARGETS = {
    "Billing_VQ": "Billing@S.GA",
    "Sales_VQ": "Sales@S.GA",
    "English_VQ": "?:English>3",
    "Both_VQ": "[{'target': 'Sales@S.GA', 'timeout': 600, 'clear': false}, {'target': 'Billing@S.GA', 'timeout': 9}]",
}


class Centre:
    """Kicks are jobs for eight workers. Whoever gets an agent talks for a moment, and gives them back."""

    def __init__(self, *, talk_seconds: float = 0) -> None:
        current_app.loader.import_default_modules()
        self.talk_seconds = talk_seconds
        self.jobs: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self.mutex = threading.Lock()
        self.held: dict[str, str] = {}
        self.served: list[str] = []
        self.faults: list[str] = []
        self.under_way = 0

    def report(self, events: list[tuple[str, CallEvent]], now: datetime) -> None:
        for owner, event in events:
            if not isinstance(event, AgentReserved):
                continue
            with self.mutex:
                if event.agent in self.held:
                    self.faults.append(f"{event.agent} is with {self.held[event.agent]} and was given {owner}")
                if owner in self.served:
                    self.faults.append(f"{owner} was served twice")
                self.held[event.agent] = owner
                self.served.append(owner)
            transaction.on_commit(partial(self.jobs.put, partial(self.talk, owner, event)))

    def publish(self, task: str, args: tuple[str, ...]) -> None:
        self.jobs.put(lambda: current_app.tasks[task].run(*args))

    def turn_ready(self, agent: Agent) -> None:
        agents.go_ready(agent, timezone.now())

    def talk(self, owner: str, event: AgentReserved) -> None:
        time.sleep(self.talk_seconds)
        now = timezone.now()
        agents.on_call(event.reservation, now)
        with transaction.atomic():
            queues.leave(owner)
            with self.mutex:
                self.held.pop(event.agent, None)
            agents.release(event.reservation, now)

    def join(self, owner: str, name: str, chance: random.Random) -> None:
        now = timezone.now()
        place = QueuePlace(
            queue=name,
            target=TARGETS[name],
            place_at=now,
            wants="agent",
            visit=1,
            reserve_seconds=30,
            granted=False,
            priority=chance.choice([0, 5]),
        )
        with transaction.atomic():
            queues.take_place(owner, place, now)

    def work(self) -> None:
        """Until nothing is left to do, also of what others still have under way."""
        # However slow the machine is: who gives up waiting for the matcher leaves it to the tick, which is not here.
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '60s'")
        try:
            while True:
                with self.mutex:
                    self.under_way += 1
                try:
                    job = self.jobs.get_nowait()
                    job()
                except queue.Empty:
                    if self.under_way == 1 and self.jobs.empty():
                        return
                except Exception as fault:  # noqa: BLE001 (every one is a fault of the story)
                    self.faults.append(repr(fault))
                finally:
                    with self.mutex:
                        self.under_way -= 1
                time.sleep(0.001)
        finally:
            connection.close()

    def day(self, *, callers: int = 40, staff: int = 6) -> None:
        chance = random.Random(3)
        jobs: list[Callable[[], object]] = []
        for number in range(staff):
            agent = hire(
                f"agent{number}",
                *chance.sample(["Billing", "Sales"], chance.randint(1, 2)),
                skills={"English": chance.randint(1, 6)},
                state=State.NOT_READY,
            )
            jobs.append(partial(self.turn_ready, agent))
        for number in range(callers):
            name = chance.choice(list(TARGETS))
            jobs.append(partial(self.join, f"owner{number}", name, chance))
        jobs += [lambda: matching.match_all(timezone.now())] * 5
        chance.shuffle(jobs)
        for job in jobs:
            self.jobs.put(job)
        with mock.patch.object(upwards, "owner", return_value=self), mock.patch.object(kick, "publish", self.publish):
            threads = [threading.Thread(target=self.work) for _ in range(WORKERS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()


def idle_beside_somebody() -> list[tuple[str, str]]:
    """Ready agents, each with somebody who waits for them."""
    now = timezone.now()
    idle = profiles(Agent.objects.filter(state=State.READY)).values()
    waiters = [head.waiter for head in lines.heads(lines.waiting(), now=now, most=100)]
    return [
        (profile.name, waiter.owner) for profile in idle for waiter in waiters if routing.may_have(waiter, profile, now)
    ]


def slow_to_look(monkeypatch: pytest.MonkeyPatch, seconds: float = 0.01) -> None:
    """Time enough between looking and reserving for somebody else to come between."""
    look = lines.heads

    def heads(*args: Any, **kwargs: Any) -> list[lines.Head]:
        found: list[lines.Head] = look(*args, **kwargs)
        time.sleep(seconds)
        return found

    monkeypatch.setattr(lines, "heads", heads)


def test_eight_workers_serve_everybody_once_and_leave_nobody_idle_or_reserved(monkeypatch: pytest.MonkeyPatch) -> None:
    slow_to_look(monkeypatch)
    centre = Centre()
    centre.day()
    assert centre.faults == []
    assert idle_beside_somebody() == []
    assert not Agent.objects.filter(reserved_for__isnull=False).exists()
    assert len(centre.served) == len(set(centre.served)) == 40
    assert not QueueEntry.objects.exists()


def test_without_the_lock_an_owner_would_be_given_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """The constraint holds, so that the second is an error instead of a second call."""
    slow_to_look(monkeypatch, seconds=0.1)
    monkeypatch.setattr(matching, "_lock", lambda: None)
    centre = Centre()
    centre.day()
    assert any("agent_one_per_owner" in fault for fault in centre.faults)


def test_without_the_guard_an_agent_would_be_given_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the looks at who is ready says no either, so that it does not hang on who comes first."""
    everybody = Agent.objects.all()
    monkeypatch.setattr(matching, "_ready", lambda: everybody.all())
    monkeypatch.setattr(matching, "soon_free", lambda latest: dict.fromkeys(everybody.values_list("pk", flat=True)))
    monkeypatch.setattr(ready, "_READY", f"{ready._PROFILES} WHERE agent.name = %s")
    monkeypatch.setattr(matching, "_RESERVE", matching._RESERVE.partition("AND agent.state")[0])
    # Long enough for others to look while it lasts, however fast the machine is.
    centre = Centre(talk_seconds=0.2)
    centre.day(callers=12, staff=2)
    assert any("is with owner" in fault for fault in centre.faults)


def test_without_the_kick_an_agent_idles_until_the_tick_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "match_agent", lambda name, now: False)
    monkeypatch.setattr(matching, "match_entry", lambda owner, now: False)
    centre = Centre()
    centre.day(callers=12, staff=2)
    # Whenever the last pass was: these come after it.
    with mock.patch.object(upwards, "owner", return_value=Recorder()), transaction.atomic():
        take_place("zoe", now=timezone.now())
        take_place("yan", "?:English>0", now=timezone.now())
    assert idle_beside_somebody() != []
    with mock.patch.object(upwards, "owner", return_value=Recorder()):
        while matching.match_all(timezone.now()):
            pass
    assert idle_beside_somebody() == []


def agents_of_two_at_once() -> list[bool]:
    """Kate and liam turn ready, and both matchers look at who waits before either reserves, if nothing hinders them."""
    both_looked, look = threading.Barrier(2), lines.heads
    served: list[bool] = []

    def look_and_wait(*args: Any, **kwargs: Any) -> list[lines.Head]:
        found: list[lines.Head] = look(*args, **kwargs)
        with suppress(threading.BrokenBarrierError):
            both_looked.wait(timeout=0.5)
        return found

    def match(name: str) -> None:
        try:
            with suppress(IntegrityError):
                served.append(matching.match_agent(name, now=NOON))
        finally:
            connection.close()

    with mock.patch.object(lines, "heads", look_and_wait), mock.patch.object(upwards, "owner", return_value=Recorder()):
        threads = [threading.Thread(target=match, args=[name]) for name in ("kate", "liam")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return sorted(served)


@pytest.mark.parametrize("locked", [True, False])
def test_two_agents_who_turn_ready_at_once_get_different_people(locked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not locked:
        monkeypatch.setattr(matching, "_lock", lambda: None)
    hire("kate", "Billing")
    hire("liam", "Billing")
    with transaction.atomic():
        take_place("ada", since=2)
        take_place("ben", since=1)
    assert agents_of_two_at_once() == ([True, True] if locked else [True])
    assert Agent.objects.filter(reserved_for__isnull=False).count() == (2 if locked else 1)
