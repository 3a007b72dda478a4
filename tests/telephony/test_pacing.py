"""How many may be dialled: no more than agents will be free for, and no fewer."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import connection, transaction

from telephony import estimates, lines, matching, queues, upwards
from telephony.events import CallEvent, DialGranted
from telephony.models import Agent, AgentGroup, QueueEntry
from telephony.pacing import Expected, Line, Soon
from telephony.queueplace import QueuePlace
from tests.factories import NOON, AgentFactory, AgentGroupFactory

pytestmark = pytest.mark.django_db

State = Agent.State
BILLING = Line("Billing_VQ", frozenset({"GA:Billing"}))
SALES = Line("Sales_VQ", frozenset({"GA:Sales"}))


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


# The rule, without a database


def free(*keys: str, at: datetime | None = None) -> Soon:
    return Soon(frozenset(keys), at)


def expected(agents: list[Soon], counted: dict[Line, int], *, sales_reach: float = 20) -> Expected:
    reach = {"Billing_VQ": seconds(20), "Sales_VQ": seconds(sales_reach)}
    return Expected(agents, counted, [BILLING, SALES], now=NOON, reach=reach)


@pytest.mark.parametrize(("counted", "room"), [(0, True), (2, True), (3, False), (9, False)])
def test_one_more_is_dialled_for_each_agent_who_is_left(counted: int, room: bool) -> None:
    assert expected([free("GA:Billing")] * 3, {BILLING: counted}).has_room(BILLING) is room


def test_an_agent_of_two_queues_is_counted_on_once() -> None:
    one = expected([free("GA:Billing", "GA:Sales")], {})
    assert one.has_room(BILLING)
    assert one.has_room(SALES)
    one.count(SALES)
    assert not one.has_room(BILLING)
    assert not one.has_room(SALES)


def test_who_can_do_with_another_agent_gives_way() -> None:
    """Kate serves both, liam only Sales: whoever Sales counts on, Billing can have kate."""
    both = expected([free("GA:Billing", "GA:Sales"), free("GA:Sales")], {SALES: 1})
    assert both.has_room(BILLING)
    both.count(BILLING)
    assert not both.has_room(SALES)


def test_a_queue_that_is_short_of_agents_does_not_hold_back_another() -> None:
    """Sales has nine on the line and kate, whom it shares with Billing; liam serves Billing alone."""
    assert expected([free("GA:Billing", "GA:Sales"), free("GA:Billing")], {SALES: 9}).has_room(BILLING)
    assert not expected([free("GA:Billing", "GA:Sales")], {SALES: 9}).has_room(BILLING)


@pytest.mark.parametrize(("ends_in", "billing", "sales"), [(-1, True, True), (20, True, True), (60, False, True)])
def test_a_wrap_up_counts_that_ends_before_the_customer_is_reached(ends_in: int, billing: bool, sales: bool) -> None:
    agents = [free("GA:Billing", "GA:Sales", at=NOON + seconds(ends_in))]
    found = expected(agents, {}, sales_reach=60)
    assert (found.has_room(BILLING), found.has_room(SALES)) == (billing, sales)


def most_served(agents: list[Soon], lines: list[Line]) -> int:
    """Kuhn's algorithm, one customer and one agent at a time."""
    holder: dict[int, int] = {}

    def find(customer: int, seen: set[int]) -> bool:
        for number, agent in enumerate(agents):
            if lines[customer].keys & agent.keys and number not in seen:
                seen.add(number)
                if number not in holder or find(holder[number], seen):
                    holder[number] = customer
                    return True
        return False

    return sum(find(customer, set()) for customer in range(len(lines)))


@pytest.mark.parametrize("seed", range(40))
def test_there_is_room_exactly_if_one_more_could_be_served(seed: int) -> None:
    chance = random.Random(seed)
    keys = [f"GA:{number}" for number in range(5)]
    lines = [Line(f"VQ{number}", frozenset({key})) for number, key in enumerate(keys)]
    agents = [free(*chance.sample(keys, chance.randint(1, 3))) for _ in range(chance.randint(0, 12))]
    counted = chance.choices(lines, k=chance.randint(0, 12))
    found = Expected(agents, Counter(counted), lines, now=NOON, reach={line.queue: seconds(20) for line in lines})
    for line in chance.choices(lines, k=10):
        room = most_served(agents, [*counted, line]) > most_served(agents, counted)
        assert found.has_room(line) is room
        if room:
            found.count(line)
            counted.append(line)


# The matcher


class Recorder:
    """The floor above, which only remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, CallEvent]] = []

    def report(self, events: list[tuple[str, CallEvent]], now: datetime) -> None:
        self.told += events

    @property
    def granted(self) -> list[str]:
        return [owner for owner, event in self.told if isinstance(event, DialGranted)]


@pytest.fixture(autouse=True)
def told() -> Iterator[Recorder]:
    recorder = Recorder()
    with mock.patch.object(upwards, "owner", return_value=recorder):
        yield recorder


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, a pass is one batch."""
    monkeypatch.setattr(matching, "BATCH_SECONDS", 60.0)


@pytest.fixture
def billing() -> AgentGroup:
    return AgentGroupFactory.create(name="Billing")


@pytest.fixture
def sales() -> AgentGroup:
    return AgentGroupFactory.create(name="Sales")


def hire(name: str, *groups: AgentGroup, wrap_up: float | None = None, **fields: Any) -> Agent:
    """An agent who is ready, or whose wrap-up ends that many seconds after noon."""
    if wrap_up is not None:
        fields |= {"state": State.WRAP_UP, "wrap_up_until": NOON + seconds(wrap_up)}
    agent = AgentFactory.create(**{"name": name, "state": State.READY, **fields})
    agent.groups.set(groups)
    return agent


def wait_for_dial(owner: str, minute: int = 0, *, line: Line = BILLING, **changes: Any) -> None:
    """Wait for a dial since that many minutes before noon; or whatever else the owner states of its place."""
    place = QueuePlace(
        queue=line.queue,
        target=f"{line.queue.removesuffix('_VQ')}@StatServer.GA",
        place_at=NOON + timedelta(minutes=minute),
        **{"wants": "dial", "visit": 3, "reserve_seconds": 30, "granted": False, **changes},
    )
    queues.take_place(owner, place, NOON)


def rings(owner: str, *, line: Line = BILLING) -> None:
    """What the owner states of its place once it dials."""
    wait_for_dial(owner, line=line, wants="", visit=0, granted=True)


def is_on_the_line(owner: str, *, line: Line = BILLING) -> None:
    wait_for_dial(owner, line=line, wants="agent", visit=7, granted=True)


def test_as_many_are_dialled_as_agents_are_ready_in_the_order_of_their_places(
    billing: AgentGroup, told: Recorder
) -> None:
    for name in ("kate", "liam", "mona"):
        hire(name, billing)
    hire("nora", billing, state=State.NOT_READY)
    for number in range(5):
        wait_for_dial(f"owner{number}", minute=-number)
    assert matching.match_all(NOON) == 3
    assert told.told == [(f"owner{number}", DialGranted(3)) for number in (4, 3, 2)]
    granted = QueueEntry.objects.filter(granted=True)
    assert set(granted.values_list("eligible_at", "granted_until")) == {(None, NOON + seconds(20))}
    assert matching.match_all(NOON) == 0


def test_a_grant_counts_until_a_customer_should_have_been_reached(billing: AgentGroup, told: Recorder) -> None:
    hire("kate", billing)
    wait_for_dial("ada", -2)
    wait_for_dial("ben", -1)
    assert matching.match_all(NOON) == 1
    rings("ada")
    assert matching.match_all(NOON + seconds(19.9)) == 0
    assert matching.match_all(NOON + seconds(20)) == 1
    assert told.granted == ["ada", "ben"]


def test_one_who_is_asked_first_is_counted_on_until_it_says(billing: AgentGroup, told: Recorder) -> None:
    hire("kate", billing)
    wait_for_dial("ada", -2)
    wait_for_dial("ben", -1)
    assert matching.match_all(NOON) == 1
    wait_for_dial("ada", wants="", visit=0, granted=True, counted_until=NOON + seconds(50))
    rings("ada")
    assert matching.match_all(NOON + seconds(49)) == 0
    assert matching.match_all(NOON + seconds(50)) == 1
    assert told.granted == ["ada", "ben"]


def test_the_time_that_is_measured_takes_the_place_of_the_default(billing: AgentGroup) -> None:
    hire("kate", billing)
    estimates.measure("Billing_VQ", "reach", 12.5, NOON)
    wait_for_dial("ada")
    assert matching.match_entry("ada", now=NOON)
    assert QueueEntry.objects.get().granted_until == NOON + seconds(12.5)


def test_a_dial_that_failed_counts_no_longer(billing: AgentGroup, told: Recorder) -> None:
    hire("kate", billing)
    wait_for_dial("ada", -2)
    wait_for_dial("ben", -1)
    assert matching.match_all(NOON) == 1
    wait_for_dial("ada", -2, wants="", visit=0)
    assert QueueEntry.objects.get(pk="ada").granted_until is None
    assert matching.match_all(NOON + seconds(5)) == 1
    assert told.granted == ["ada", "ben"]


def test_a_customer_on_the_line_counts_for_as_long_as_they_wait(billing: AgentGroup, told: Recorder) -> None:
    hire("kate", billing, wrap_up=10)
    is_on_the_line("ada")
    wait_for_dial("ben")
    assert matching.match_all(NOON + seconds(5)) == 0
    assert matching.match_all(NOON + timedelta(minutes=5)) == 0
    hire("liam", billing, wrap_up=310)
    assert matching.match_all(NOON + timedelta(minutes=5)) == 1
    assert told.granted == ["ben"]


def test_one_who_has_their_agent_counts_no_longer(billing: AgentGroup, told: Recorder) -> None:
    hire("kate", billing, state=State.RESERVED, reserved_for="ada", reservation="r1")
    hire("liam", billing)
    is_on_the_line("ada")
    wait_for_dial("ben")
    assert matching.match_all(NOON) == 1
    assert told.granted == ["ben"]


@pytest.mark.parametrize(
    ("wrap_up", "next_state", "dialled"),
    [(10, "", 1), (20, "", 1), (21, "", 0), (60, "", 0), (10, State.NOT_READY, 0), (10, State.LOGGED_OUT, 0)],
)
def test_nobody_is_ready_but_a_wrap_up_ends_soon(
    billing: AgentGroup, wrap_up: int, next_state: str, dialled: int
) -> None:
    hire("kate", billing, wrap_up=wrap_up, next_state=next_state)
    wait_for_dial("ada")
    wait_for_dial("ben")
    assert matching.match_all(NOON) == dialled
    assert matching.match_all(NOON) == 0


def test_an_agent_whom_two_queues_share_is_counted_on_once(
    billing: AgentGroup, sales: AgentGroup, told: Recorder
) -> None:
    hire("kate", billing, sales)
    wait_for_dial("ada", -2)
    wait_for_dial("zoe", -1, line=SALES)
    assert matching.match_all(NOON) == 1
    rings("ada")
    assert not matching.match_entry("zoe", now=NOON + seconds(5))
    hire("liam", sales)
    assert matching.match_entry("zoe", now=NOON + seconds(5))
    assert told.granted == ["ada", "zoe"]


def test_many_on_the_line_elsewhere_do_not_take_what_they_cannot_use(
    billing: AgentGroup, sales: AgentGroup, told: Recorder
) -> None:
    hire("kate", billing, sales, wrap_up=5)
    hire("liam", billing, wrap_up=5)
    for number in range(9):
        is_on_the_line(f"zoe{number}", line=SALES)
    wait_for_dial("ada")
    wait_for_dial("ben")
    assert matching.match_all(NOON) == 1


def test_who_is_on_the_line_comes_before_who_is_to_be_dialled(billing: AgentGroup, told: Recorder) -> None:
    hire("kate", billing)
    wait_for_dial("ada", -9)
    is_on_the_line("ben")
    assert matching.match_all(NOON) == 1
    assert [owner for owner, _ in told.told] == ["ben"]
    assert Agent.objects.get().reserved_for == "ben"


def test_an_entry_that_its_owner_has_changed_meanwhile_is_left_alone(billing: AgentGroup, told: Recorder) -> None:
    """Paused after the matcher has read it: the dial it wanted then is not granted."""
    hire("kate", billing)
    wait_for_dial("ada")
    look = matching._expected

    def pause_then_look(*args: Any) -> Expected:
        wait_for_dial("ada", wants="", visit=0, paused=True)
        return look(*args)

    with mock.patch.object(matching, "_expected", pause_then_look):
        assert not matching.match_entry("ada", now=NOON)
    assert told.told == []
    assert list(QueueEntry.objects.values_list("granted", "granted_until", "paused")) == [(False, None, True)]


def test_a_pass_over_two_hundred_takes_no_statement_for_each(
    billing: AgentGroup, sales: AgentGroup, django_assert_num_queries: Any
) -> None:
    hire("kate", sales)
    for number in range(100):
        wait_for_dial(f"dial{number}", number - 200)
        is_on_the_line(f"line{number}")
    # What a line stands for is asked once by each process.
    lines.waiting()
    # Which lines there are, how long it takes to reach their customers, who is free and what targets ask of them.
    with django_assert_num_queries(4):
        assert matching.match_all(NOON + seconds(1)) == 0
    hire("liam", billing)
    # The same, and the lock; the first of their line, the reservation; then who is counted
    # on whom for a dial. Two more are the savepoint, which the transaction is in a test. Nobody is left for them, but
    # they have waited for hours: the first of them is looked at by itself, three; and twice what targets ask of kate.
    with django_assert_num_queries(16):
        assert matching.match_all(NOON + seconds(1)) == 1


def test_an_entry_for_which_nobody_is_free_costs_one_statement_or_two(
    billing: AgentGroup, sales: AgentGroup, django_assert_num_queries: Any
) -> None:
    is_on_the_line("ada")
    with django_assert_num_queries(1):
        assert not matching.match_entry("ada", now=NOON)
    hire("kate", sales)
    with django_assert_num_queries(2):
        assert not matching.match_entry("ada", now=NOON)


def test_a_pass_that_is_out_of_time_goes_on_in_the_next_batch(
    billing: AgentGroup, sales: AgentGroup, told: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "BATCH_SECONDS", 0.0)
    for number in range(3):
        hire(f"billing{number}", billing)
        hire(f"sales{number}", sales)
        is_on_the_line(f"line{number}")
        wait_for_dial(f"dial{number}", line=SALES)
    with mock.patch.object(matching, "_lock", wraps=matching._lock) as lock:
        assert matching.match_all(NOON) == 6
    assert lock.call_count == 3


def test_nobody_waits_costs_one_statement(billing: AgentGroup, django_assert_num_queries: Any) -> None:
    hire("kate", billing)
    with django_assert_num_queries(1):
        assert matching.match_all(NOON) == 0


# Two matchers at once


def grants_of_two_at_once() -> list[bool]:
    """Two matchers who both look before either grants, if nothing keeps them from it."""
    both_looked, look = threading.Barrier(2), matching._expected
    served: list[bool] = []

    def look_and_wait(*args: Any) -> Expected:
        found = look(*args)
        with suppress(threading.BrokenBarrierError):
            both_looked.wait(timeout=0.5)
        return found

    def match(owner: str) -> None:
        try:
            served.append(matching.match_entry(owner, now=NOON))
        finally:
            connection.close()

    with mock.patch.object(matching, "_expected", look_and_wait):
        threads = [threading.Thread(target=match, args=[owner]) for owner in ("ada", "ben")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return sorted(served)


@pytest.mark.django_db(transaction=True)
def test_an_entry_that_its_owner_is_changing_is_not_waited_for(billing: AgentGroup, told: Recorder) -> None:
    hire("kate", billing)
    wait_for_dial("ada", -2)
    wait_for_dial("ben", -1)
    passed: list[int] = []

    def match() -> None:
        try:
            passed.append(matching.match_all(NOON))
        finally:
            connection.close()

    with transaction.atomic():
        wait_for_dial("ada", -2, wants="", visit=0, paused=True)
        matcher = threading.Thread(target=match)
        matcher.start()
        matcher.join(timeout=10)
        assert passed == [1]
    assert told.granted == ["ben"]


@pytest.mark.django_db(transaction=True)
def test_two_matchers_grant_one_dial_for_one_agent(billing: AgentGroup) -> None:
    hire("kate", billing)
    wait_for_dial("ada")
    wait_for_dial("ben")
    assert grants_of_two_at_once() == [False, True]
    assert QueueEntry.objects.filter(granted=True).count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_they_would_grant_two(billing: AgentGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "_lock", lambda: None)
    hire("kate", billing)
    wait_for_dial("ada")
    wait_for_dial("ben")
    assert grants_of_two_at_once() == [True, True]
