"""One day on six hosts: a switch, a host of the service and the way to the database are cut, one after the other.

All of it is lived through once, during the minute in which one Asterisk is out of reach; each test looks at one part
of what happened. The counts are those of the crash tests: no request is lost, no attempt rings twice, no agent stays
reserved, everything comes to its end.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.hosts.centre import APPS, DB, SWITCHES, Hosts
from tests.hosts.network import Network
from tests.hosts.people import SLOW, Deed

pytestmark = [pytest.mark.hosts, pytest.mark.crash]

# Leases last 6 s; then another process takes over and connects.
TAKE_OVER_SECONDS = 12.0
TALKS = "SELECT customer_number FROM callbacks_callback JOIN telephony_leg ON call_id = callbacks_callback.id "
TALKS += "WHERE stage = 'talking' AND party = 'customer' AND telephony_leg.state = 'up' AND switch_id = %s"
RINGING = "SELECT call_id FROM telephony_leg WHERE switch_id = %s AND state = 'ringing' AND party = 'customer'"
UNFINISHED = """
SELECT (SELECT count(*) FROM callbacks_callback WHERE stage <> 'ended')
    + (SELECT count(*) FROM callbacks_pending)
    + (SELECT count(*) FROM telephony_call)
    + (SELECT count(*) FROM telephony_leg)
    + (SELECT count(*) FROM telephony_queueentry)
    + (SELECT count(*) FROM scheduling_timer)
    + (SELECT count(*) FROM telephony_agent WHERE reserved_for IS NOT NULL)
    + (SELECT count(*) FROM telephony_unconfirmeddeletion)
"""


@dataclass
class Day:
    """What was asked for, what was seen, and in the end what the database and the phones have to say."""

    requested: dict[str, str] = field(default_factory=dict)  # number by callback
    seconds: dict[str, float] = field(default_factory=dict)
    numbers: dict[str, set[str]] = field(default_factory=dict)
    spread: dict[str, int] = field(default_factory=dict)
    epochs: dict[str, list[int]] = field(default_factory=dict)
    ends: dict[str, tuple[str, str]] = field(default_factory=dict)
    # Of each callback: result, and when it was over.
    attempts: dict[str, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    deeds: dict[str, list[Deed]] = field(default_factory=lambda: defaultdict(list))
    late_on_a: int = 0
    agents: set[str] = field(default_factory=set)
    left_on_switches: list[str] = field(default_factory=list)

    def results(self, callback: str) -> list[str]:
        return [result for result, _ in self.attempts[callback]]

    def of(self, wave: str) -> list[str]:
        return [callback for callback, number in self.requested.items() if number in self.numbers[wave]]


class Story:
    """The day as it is lived."""

    def __init__(self, hosts: Hosts) -> None:
        self.hosts = hosts
        self.day = Day()
        self.begun = time.monotonic()
        self.ids = dict(hosts.query("SELECT name, id FROM telephony_switch"))
        self._numbers = 0

    def call(self, wave: str, count: int, *, slow: bool = False) -> list[str]:
        """So many customers ask for a callback, one after the other."""
        callbacks = []
        for _ in range(count):
            self._numbers += 1
            number = f"4930{self._numbers:05}{SLOW if slow else '10'}"
            callbacks.append(self.hosts.request(number))
            self.day.requested[callbacks[-1]] = number
            self.day.numbers.setdefault(wave, set()).add(number)
        return callbacks

    def until_rung(self, callbacks: list[str], *, seconds: float) -> float:
        """Until the phones of all of them have rung, as the phones know."""
        numbers = {self.day.requested[callback] for callback in callbacks}
        return self.hosts.wait(
            "they are rung",
            lambda: numbers <= {deed.number for deed in self.hosts.customers.deeds() if deed.what == "rung"},
            seconds=seconds,
        )

    def talks_on(self, switch: str) -> set[str]:
        return {number for (number,) in self.hosts.query(TALKS, self.ids[switch])}

    def epoch(self, switch: str) -> int:
        return self.hosts.number("SELECT lease_epoch FROM telephony_switch WHERE name = %s", switch)

    def note(self, what: str, seconds: float) -> None:
        self.day.seconds[what] = round(seconds, 1)

    def live_through(self) -> Day:
        hosts, day = self.hosts, self.day
        # Morning: calls are spread; then Asterisk A is lost with calls that ring and some that talk.
        self.call("morning", 8)
        slow = self.call("slow", 8, slow=True)
        self.until_rung(slow, seconds=40)
        hosts.wait("people talk on both", lambda: all(len(self.talks_on(name)) >= 2 for name in SWITCHES), seconds=40)
        legs = "SELECT name, count(*) FROM telephony_leg JOIN telephony_switch s ON s.id = switch_id "
        day.spread = dict(hosts.query(legs + "WHERE party = 'customer' AND state <> 'ended' GROUP BY name"))
        day.numbers["ringing on A"] = {day.requested[c] for (c,) in hosts.query(RINGING, self.ids["SIP_A"])}
        day.numbers["talking on A"] = self.talks_on("SIP_A")
        day.numbers["talking on B"] = self.talks_on("SIP_B")
        hosts.network.cut(SWITCHES["SIP_A"])
        cut_at = time.monotonic()
        self.note("A lost: the next calls ring on B", self.until_rung(self.call("on B", 6), seconds=60))
        # Noon: the host that works and listens is lost.
        first, second = hosts.apps
        assert hosts.holder("SIP_B") is first
        self.lose_the_first()
        assert hosts.holder("SIP_B") is second
        # Afternoon: the host that listens now loses the database alone.
        self.lose_the_database()
        assert hosts.holder("SIP_B") is first
        # Evening: a minute after A was lost, what rang there is given up, and tried again on B.
        hosts.wait("what rang on A is given up", lambda: not hosts.query(RINGING, self.ids["SIP_A"]), seconds=100)
        self.note("A lost: what rang there is given up", time.monotonic() - cut_at)
        hosts.network.mend(SWITCHES["SIP_A"])
        back = time.monotonic()
        hosts.wait("A is back", lambda: hosts.is_live("SIP_A"), seconds=40)
        self.note("A back: listened to", time.monotonic() - back)
        late = self.call("late", 6)
        self.until_rung(late, seconds=60)
        on_a = "SELECT count(*) FROM telephony_leg WHERE switch_id = %s AND call_id = ANY(%s)"
        day.late_on_a = hosts.number(on_a, self.ids["SIP_A"], late)
        settled = hosts.wait("everything has come to its end", self.is_over, seconds=90)
        self.note("settled after the last request", settled)
        self.note("in all", time.monotonic() - self.begun)
        self.read()
        return day

    def lose_the_first(self) -> None:
        """Host 1 holds the leases and works: its cable is pulled, and put back when host 2 has taken over."""
        hosts, day = self.hosts, self.day
        first, second = hosts.apps
        before = self.epoch("SIP_B")
        self.call("noon", 10)
        hosts.wait("people talk", lambda: len(self.talks_on("SIP_B")) >= 4, seconds=40)
        day.numbers["talking when host 1 was lost"] = self.talks_on("SIP_B")
        hosts.network.cut(first.name)
        lost = time.monotonic()
        callbacks = self.call("without host 1", 6)
        hosts.wait("host 2 has taken over", lambda: self.has(second), seconds=40)
        self.note("host 1 lost: host 2 listens", time.monotonic() - lost)
        self.until_rung(callbacks, seconds=60)
        self.note("host 1 lost: calls requested since have rung", time.monotonic() - lost)
        day.epochs["host 1 lost"] = [before, self.epoch("SIP_B")]
        hosts.network.mend(first.name)
        back = time.monotonic()
        hosts.wait("host 1 knows", lambda: "another process listens now" in first.log("telephony"), seconds=40)
        self.note("host 1 back: it knows that it was replaced", time.monotonic() - back)
        day.epochs["host 1 back"] = [self.epoch("SIP_B")]
        self.call("host 1 is back", 4)

    def lose_the_database(self) -> None:
        """Host 2 listens now: nothing passes between it and the database any more, all else does."""
        hosts = self.hosts
        first, second = hosts.apps
        hosts.network.part(second.name, DB)
        lost = time.monotonic()
        callbacks = self.call("without the database on host 2", 6)
        hosts.wait("host 1 has taken over", lambda: self.has(first), seconds=40)
        self.note("database lost to host 2: host 1 listens", time.monotonic() - lost)
        self.until_rung(callbacks, seconds=60)
        self.note("database lost to host 2: calls requested since have rung", time.monotonic() - lost)
        hosts.network.unite(second.name, DB)

    def has(self, app: object) -> bool:
        return self.hosts.holder("SIP_B") is app and self.hosts.is_live("SIP_B")

    def is_over(self) -> bool:
        return not self.hosts.number(UNFINISHED)

    def read(self) -> None:
        hosts, day = self.hosts, self.day
        ends = hosts.query("SELECT id, state, reason FROM callbacks_callback")
        day.ends = {callback: (state, reason) for callback, state, reason in ends}
        for callback, result, ended in hosts.query(
            "SELECT callback_id, result, extract(epoch FROM ended_at) "
            "FROM callbacks_attempt WHERE party = 'customer' ORDER BY callback_id, number"
        ):
            day.attempts[callback].append((result, float(ended)))
        day.agents = {state for (state,) in hosts.query("SELECT DISTINCT state FROM telephony_agent")}
        for deed in hosts.customers.deeds():
            day.deeds[deed.number].append(deed)
        day.left_on_switches = [channel for asterisk in hosts.asterisks.values() for channel in asterisk.channels()]


@pytest.fixture(scope="module")
def day(asterisk_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    begun = time.monotonic()
    with (
        Network([DB, *APPS, *SWITCHES.values(), "phones"]) as network,
        Hosts(tmp_path_factory.mktemp("hosts"), network, asterisk_root) as hosts,
    ):
        started = time.monotonic() - begun
        day = Story(hosts).live_through()
        rings = sum(deed.what == "rung" for deeds in day.deeds.values() for deed in deeds)
        sys.stdout.write(
            f"started in {started:.1f} s; {day.seconds}\n{len(day.ends)} callbacks, "
            f"{Counter(reason for _, reason in day.ends.values())}, "
            f"{sum(map(len, day.attempts.values()))} attempts "
            f"{Counter(result for callback in day.attempts for result in day.results(callback))}, {rings} rings\n"
        )
        yield day


def test_no_request_is_lost_and_everything_comes_to_its_end(day: Day) -> None:
    assert day.ends.keys() == day.requested.keys()
    assert {state for state, _ in day.ends.values()} == {"COMPLETED"}
    assert day.left_on_switches == []


def test_no_attempt_rings_twice(day: Day) -> None:
    """Each ring lies within an attempt of its own, as the phones and the record tell it."""
    for callback, number in day.requested.items():
        rings = [deed.at for deed in day.deeds[number] if deed.what == "rung"]
        # One attempt is over, for the record, before the next one may ring.
        over = 0.0
        for _, ended in day.attempts[callback]:
            assert sum(over < at <= ended for at in rings) <= 1, (number, rings, day.attempts[callback])
            over = ended
        assert all(at <= over for at in rings), (number, rings, day.attempts[callback])


def test_calls_are_spread_over_the_switches(day: Day) -> None:
    assert day.spread.keys() == SWITCHES.keys()
    assert min(day.spread.values()) >= 5, day.spread


def test_a_switch_that_is_cut_off_is_skipped_at_once(day: Day) -> None:
    """Who asks for a call meanwhile is rung from the other switch; no call of theirs counts as tried in vain."""
    assert day.seconds["A lost: the next calls ring on B"] < 15
    for callback in day.of("on B"):
        assert set(day.results(callback)) <= {"CREATE_CALL_ERROR", "PERSON", "UNKNOWN", "ANSWERING_MACHINE"}


def test_what_rang_on_the_lost_switch_is_unknown_and_tried_on_the_other(day: Day) -> None:
    """Not before the leg there is closed, which takes the minute after which nobody answers for it."""
    rang = day.of("ringing on A")
    assert len(rang) >= 2
    for callback in rang:
        assert day.results(callback)[0] == "UNKNOWN"
        assert len(day.results(callback)) == 2
        first, second = (deed.at for deed in day.deeds[day.requested[callback]] if deed.what == "rung")
        assert second - first > 55
    assert 58 < day.seconds["A lost: what rang there is given up"] < 90
    assert day.late_on_a > 0, "and A is used again when it is back"


def test_the_other_host_takes_over_and_talks_go_on(day: Day) -> None:
    assert day.seconds["host 1 lost: host 2 listens"] < TAKE_OVER_SECONDS
    before, after = day.epochs["host 1 lost"]
    assert after > before
    talking = day.of("talking when host 1 was lost")
    assert len(talking) >= 4
    for callback in talking:
        assert day.ends[callback] == ("COMPLETED", "AGENT_CONNECTED")
        # The customer hung up when they had said all, and not the switch.
        assert day.deeds[day.requested[callback]][-1].what == "leaves"


def test_a_host_that_comes_back_does_no_harm(day: Day) -> None:
    """It finds that it was replaced: nothing that it still wanted to write is written, and it stands by."""
    assert day.epochs["host 1 back"] == day.epochs["host 1 lost"][1:]
    assert day.seconds["host 1 back: it knows that it was replaced"] < 40


def test_a_host_without_the_database_gives_way(day: Day) -> None:
    assert day.seconds["database lost to host 2: host 1 listens"] < TAKE_OVER_SECONDS + 10
    for callback in day.of("without the database on host 2"):
        assert "PERSON" in day.results(callback)


def test_most_customers_reach_an_agent_all_the_same(day: Day) -> None:
    """Lost are those on A, and who had not the patience for two take-overs within half a minute."""
    met = sum(reason == "AGENT_CONNECTED" for _, reason in day.ends.values())
    assert met >= len(day.ends) / 3
    assert day.agents <= {"ready", "not_ready", "wrap_up"}
