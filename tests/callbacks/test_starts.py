"""The scan that starts scheduled callbacks, against the database: a full hour does not draw in the whole day."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from celery import current_app
from django.utils import timezone

from callbacks import due
from callbacks.models import Callback
from telephony import matching
from telephony.models import Agent, Call, Leg, QueueEntry
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)
# The defaults of _request_execution_time_buffer and _desired_connect_time_threshold.
BUFFER, THRESHOLD = 2 * MINUTE, 3 * MINUTE


class Afternoon(World):
    """Thirty callbacks are promised for the next full hour but one, six for every quarter of an hour after it.

    Two agents are ready, though their phones are busy: nobody is given to them. The clock stands until it is moved.
    """

    def __init__(self) -> None:
        self.at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        super().__init__(agents=("kate", "liam"), _wait_for_agent="true", _max_request_by_time_bucket="100")
        for agent in Agent.objects.all():
            self.keep_busy(agent)
        Agent.objects.update(state=Agent.State.READY, state_since=self.at)
        self.hour = self.at + timedelta(hours=1)
        for quarter in range(5):
            for _ in range(30 if quarter == 0 else 6):
                self.start(desired_in=str(((self.hour - self.at) + quarter * 15 * MINUTE).total_seconds()))

    def keep_busy(self, agent: Agent) -> None:
        """Their phone has a call that is none of ours to wait for."""
        call = Call.objects.create(owner=f"other-{agent.pk}", wish={}, settled=True, look_at=self.at)
        Leg.objects.create(
            id=f"leg-{agent.pk}",
            call=call,
            party="agent",
            attempt=1,
            switch=self.switch,
            agent=agent,
            endpoint="sim:other",
            state="up",
            created_at=self.at,
        )

    def now(self) -> datetime:
        return self.at

    def decide(self) -> None:
        with self.patched(), mock.patch.object(timezone, "now", self.now):
            while self.kicks:
                task, args = self.kicks.pop(0)
                current_app.tasks[task].run(*args)

    def scan(self, at: datetime) -> int:
        self.at = at
        with self.patched():
            started = due.start_scheduled(at)
        self.decide()
        return started

    def want_a_dial(self, at: datetime) -> Counter[float]:
        self.at = at
        self.tick()
        self.decide()
        return self.minutes_of(pk__in=list(QueueEntry.objects.filter(wants="dial").values_list("owner", flat=True)))

    def minutes_of(self, **fields: object) -> Counter[float]:
        """How many callbacks are as the fields say, by the minutes of their desired time after the full hour."""
        found = Callback.objects.filter(**fields).values_list("desired_at", flat=True)
        return Counter((desired_at - self.hour) / MINUTE for desired_at in found)


@pytest.fixture
def afternoon() -> Afternoon:
    return Afternoon()


def test_a_full_hour_does_not_draw_in_the_whole_afternoon(afternoon: Afternoon) -> None:
    first = afternoon.hour - BUFFER
    assert afternoon.scan(first - timedelta(seconds=5)) == 0
    # Each of the thirty makes the wait of the next one 90 s longer: of those after them, who comes within half an hour.
    assert afternoon.scan(first) == 30 + 6 + 6
    assert afternoon.minutes_of(state="QUEUED") == {0: 30, 15: 6, 30: 6}
    assert afternoon.minutes_of(state="SCHEDULED") == {45: 6, 60: 6}
    assert QueueEntry.objects.count() == 42
    assert afternoon.scan(first + 15 * MINUTE - timedelta(seconds=5)) == 0
    assert afternoon.scan(first + 15 * MINUTE) == 6


def test_nobody_wants_a_dial_before_the_threshold(afternoon: Afternoon) -> None:
    afternoon.scan(afternoon.hour - BUFFER)
    threshold = afternoon.hour + 15 * MINUTE - THRESHOLD
    assert afternoon.want_a_dial(threshold - timedelta(seconds=1)) == {0: 30}
    assert afternoon.want_a_dial(threshold) == {0: 30, 15: 6}
    for number in range(60):
        afternoon.hire(f"agent{number}")
    Agent.objects.update(state=Agent.State.READY)
    with afternoon.patched():
        assert matching.match_all(threshold) == 36


def test_the_wait_is_kept_when_everybody_has_logged_out(afternoon: Afternoon) -> None:
    first = afternoon.hour - BUFFER
    afternoon.scan(first)
    afternoon.scan(first + 15 * MINUTE)
    Agent.objects.update(state=Agent.State.LOGGED_OUT)
    assert afternoon.scan(first + 30 * MINUTE) == 6
    assert afternoon.minutes_of(state="SCHEDULED") == {}


def test_who_starts_in_one_moment_stands_in_line_as_promised(afternoon: Afternoon) -> None:
    first = afternoon.hour - BUFFER
    afternoon.at = first
    with afternoon.patched():
        due.start_scheduled(first)
    # Workers come to them in any order.
    afternoon.kicks.reverse()
    afternoon.decide()
    line = list(QueueEntry.objects.order_by("place_at").values_list("owner", "place_at"))
    promised = Callback.objects.in_bulk([owner for owner, _ in line])
    times = [promised[owner].desired_at for owner, _ in line]
    assert (len({place_at for _, place_at in line}), times) == (42, sorted(times))
