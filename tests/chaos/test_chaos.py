"""The service under attack: no request is lost, no attempt rings twice, and everything comes to its end."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import psycopg
import pytest

from tests.chaos.clients import Clients
from tests.chaos.installation import Installation
from tests.chaos.witness import WITNESS

pytestmark = pytest.mark.crash

SEED = 20260101
CALLBACKS = 300
PER_SECOND = 10.0
REDIS_GONE_AT = 10.0
REDIS_GONE_SECONDS = 10.0
SETTLE_SECONDS = 240.0
# The last two digits say what the customer does (docs/simulator.md), and so which ends their callback may have. Whoever
# is called again after an attempt that a crash interrupted may end as any customer who was not reached.
UNREACHED = "FAIL_CALL_TO_CUSTOMER"
HUNG_UP = "FAIL_INTERACTION_DELETED"
CUSTOMERS: dict[str, tuple[int, set[str]]] = {
    "10": (40, {"AGENT_CONNECTED", UNREACHED, HUNG_UP}),
    "88": (20, {"AGENT_CONNECTED", UNREACHED, HUNG_UP}),
    "85": (6, {"AGENT_CONNECTED", UNREACHED, HUNG_UP}),
    "92": (6, {"AGENT_CONNECTED", UNREACHED, HUNG_UP}),
    "80": (6, {UNREACHED}),
    "81": (5, {UNREACHED}),
    "82": (3, {UNREACHED}),
    "83": (5, {UNREACHED}),
    "84": (2, {UNREACHED}),
    "86": (4, {HUNG_UP, UNREACHED}),
    "87": (3, {HUNG_UP, UNREACHED, "AGENT_CONNECTED"}),
}
TALKERS = {"10", "88", "85", "92"}
# Two of them are no help: nobody is at the one's phone, the other's is off the hook.
AGENTS = [*(f"agent{number}" for number in range(10)), "short?hangup=3", "absent?noanswer", "busy?busy"]

Act = Callable[[], object]


class Chaos:
    """A plan of what breaks when, carried out in the test's own thread, and who looks after the rest meanwhile."""

    def __init__(self, service: Installation, chance: Random) -> None:
        self.service = service
        self.chance = chance
        self.begun = time.monotonic()
        self.plan: list[tuple[float, Act]] = []
        self.done: Counter[str] = Counter()

    def at(self, second: float, act: Act) -> None:
        self.plan.append((second, act))

    def kill_at(self, second: float, name: str) -> None:
        self.at(second, lambda: self._kill(name))
        self.at(second + self.chance.uniform(0.1, 1.5), lambda: self.service.start(name))

    def kill_a_child_at(self, second: float, name: str) -> None:
        def act() -> None:
            self.done[f"child of {name} killed"] += self.service.kill_a_child(name, self.chance)

        self.at(second, act)

    def run(self) -> None:
        for second, act in sorted(self.plan, key=lambda step: step[0]):
            while (left := self.begun + second - time.monotonic()) > 0:
                time.sleep(min(left, 0.5))
                self.look_after()
            act()

    def look_after(self) -> None:
        """What ended by itself is started again; an agent whose phone was not answered, or seemed so, clicks Ready."""
        for name in self.service.revive():
            self.done[f"{name} ended by itself"] += 1
        with suppress(psycopg.OperationalError):
            self.service.query(
                "UPDATE telephony_agent SET state = 'ready', reason = '', state_since = now(), idle_since = now() "
                "WHERE state = 'not_ready' AND name LIKE 'agent%'"
            )

    def _kill(self, name: str) -> None:
        self.done[f"{name} killed"] += 1
        self.service.kill(name)


def plan(chaos: Chaos) -> None:
    """Kills all along; Redis emptied twice and gone for a while; PostgreSQL crashed once."""
    chance, service = chaos.chance, chaos.service
    last = CALLBACKS / PER_SECOND + 5
    for name, times in (("worker", 6), ("clock", 3), ("beat", 3), ("telephony", 3)):
        share = (last - 2) / times
        for turn in range(times):
            # Room for the restart before the next one.
            chaos.kill_at(2 + turn * share + chance.uniform(0, share - 2), name)
    for turn in range(1, int(last / 3)):
        chaos.kill_a_child_at(3 * turn + chance.random(), "worker")
    chaos.at(4.0, service.empty_redis)
    chaos.at(28.0, service.empty_redis)
    chaos.at(REDIS_GONE_AT, service.redis.stop)
    chaos.at(REDIS_GONE_AT + REDIS_GONE_SECONDS, service.redis.start)
    chaos.at(24.0, service.crash_postgres)
    chaos.at(25.0, service.postgres.start)


RESULTS = "SELECT result, count(*) FROM callbacks_attempt GROUP BY result"
# What must be gone in the end, and how the story of a failure shows it.
UNFINISHED = """
SELECT (SELECT count(*) FROM callbacks_callback WHERE stage <> 'ended')
    + (SELECT count(*) FROM callbacks_pending)
    + (SELECT count(*) FROM telephony_call)
    + (SELECT count(*) FROM telephony_leg)
    + (SELECT count(*) FROM telephony_queueentry)
    + (SELECT count(*) FROM scheduling_timer)
    + (SELECT count(*) FROM telephony_agent WHERE reserved_for IS NOT NULL)
    + (SELECT count(*) FROM telephony_simulatedleg)
"""

LEFT = {
    "callbacks not ended": """
        SELECT c.id, c.state, c.stage, j.at, j.text
        FROM callbacks_callback c LEFT JOIN LATERAL (
            SELECT at, text FROM callbacks_journalentry WHERE callback_id = c.id ORDER BY id DESC LIMIT 1
        ) j ON true
        WHERE c.stage <> 'ended'""",
    "pending events": "SELECT * FROM callbacks_pending",
    "calls": "SELECT owner, settled, claim, claim_until, look_at, looks, wish FROM telephony_call",
    "legs": "SELECT id, state, cause, sent_at, deleting FROM telephony_leg",
    "places in the queue": "SELECT owner, wants, eligible_at FROM telephony_queueentry",
    "timers": "SELECT owner, name, due_at FROM scheduling_timer",
    "agents held": """
        SELECT name, state, reserved_for, reserved_until, release_as FROM telephony_agent
        WHERE reserved_for IS NOT NULL""",
    "legs on the switch": "SELECT id, created_at, answers_at, deleted FROM telephony_simulatedleg",
    "the switch": "SELECT lease_holder, lease_until, reachable_at, now() FROM telephony_switch",
}


def settle(service: Installation, meanwhile: Act) -> float:
    """Wait until nothing is under way any more; the seconds that took."""
    begun = time.monotonic()
    while service.number(UNFINISHED):
        if time.monotonic() > begun + SETTLE_SECONDS:
            left = {what: service.query(sql) for what, sql in LEFT.items()}
            story = "\n".join(
                f"{what}: {len(rows)}\n  " + "\n  ".join(map(str, rows[:10])) for what, rows in left.items()
            )
            pytest.fail(f"not all came to an end in {SETTLE_SECONDS:.0f} s\n{story}\n{service.logs()}")
        meanwhile()
        time.sleep(0.25)
    return time.monotonic() - begun


def test_300_callbacks_survive_kills_and_outages(tmp_path: Path) -> None:
    """Worker, Beat and telephony killed at random, Redis emptied and gone, PostgreSQL crashed, all during the calls."""
    chance = Random(SEED)
    endings, weights = list(CUSTOMERS), [weight for weight, _ in CUSTOMERS.values()]
    numbers = [
        f"4420{position:06}{ending}" for position, ending in enumerate(chance.choices(endings, weights, k=CALLBACKS))
    ]
    options = {"_dial_retry_timeout": "1", "_ixn_createcall_timeout": "10", "_wrap_up_time": "1"}
    with Installation(tmp_path, speed=10, agents=AGENTS, **options) as service:
        service.query(WITNESS)
        clients = Clients(service.url, service.key, numbers, rate=PER_SECOND)
        chaos = Chaos(service, chance)
        plan(chaos)
        chaos.run()
        clients.join()
        settled = settle(service, chaos.look_after)

        no_broker = [
            start.seconds
            for start in clients.starts
            if 0 < start.answered_at - start.seconds - chaos.begun - REDIS_GONE_AT < REDIS_GONE_SECONDS - 1
        ]
        ends = {
            callback: (number, state, reason)
            for callback, number, state, reason in service.query(
                "SELECT id, customer_number, state, reason FROM callbacks_callback"
            )
        }
        rings: Counter[str] = Counter(dict(service.query("SELECT leg, count(*) FROM witness_ring GROUP BY leg")))
        attempts = service.number("SELECT count(*) FROM callbacks_attempt")
        tries = sum(len(start.refused) for start in clients.starts)
        sys.stdout.write(
            f"{len(ends)} callbacks, {Counter(reason for _, _, reason in ends.values())}\n"
            f"{attempts} attempts, {rings.total()} rings, {dict(service.query(RESULTS))}; {dict(chaos.done)}\n"
            f"{len(no_broker)} starts without Redis, slowest {max(no_broker):.2f} s; {tries} tries refused: "
            f"{Counter(note[:60] for start in clients.starts for note in start.refused)}\n"
            f"settled {settled:.1f} s after the last blow, {time.monotonic() - chaos.begun:.1f} s in all\n"
        )

        # Nothing is lost: what was answered is there. A request whose answer was lost may be there twice.
        assert clients.answered == CALLBACKS
        assert {start.id for start in clients.starts} <= ends.keys()
        assert len({start.id for start in clients.starts}) == CALLBACKS
        assert len(ends) <= CALLBACKS + tries
        # Everything has come to an end, and to one that its customer can have.
        for number, state, reason in ends.values():
            assert state == "COMPLETED"
            assert reason in CUSTOMERS[number[-2:]][1], number
        talkers = [reason for number, _, reason in ends.values() if number[-2:] in TALKERS]
        assert talkers.count("AGENT_CONNECTED") >= 0.9 * len(talkers)
        # No attempt rang twice, and what rang belongs to an attempt on record.
        assert rings.total() > CALLBACKS
        assert [leg for leg, count in rings.items() if count > 1] == []
        on_record = service.query("SELECT 'cb-' || callback_id || '-' || party || '-' || number FROM callbacks_attempt")
        assert rings.keys() <= {leg for (leg,) in on_record}
        # A broker that is away holds nobody up.
        assert len(no_broker) > 30
        assert max(no_broker) < 2.0
        # Nobody is left reserved.
        assert {state for (state,) in service.query("SELECT DISTINCT state FROM telephony_agent")} <= {
            "ready",
            "not_ready",
            "wrap_up",
        }


RANG = "SELECT count(*) FROM witness_ring WHERE leg LIKE '%customer-1'"
# From the moment in which the switch knows that a human answered to the first sound that it is told to play.
HEARD = """
SELECT verdict.leg, verdict.at, extract(epoch FROM min(play.at) - verdict.at)
FROM witness_verdict AS verdict LEFT JOIN witness_play AS play ON play.leg = verdict.leg AND play.at > verdict.at
WHERE verdict.verdict = 'human'
GROUP BY verdict.leg, verdict.at
"""
# And as the journal tells it.
TOLD = """
SELECT told.callback_id, extract(epoch FROM min(play.at) - told.at)
FROM callbacks_journalentry AS told
    LEFT JOIN witness_play AS play ON play.leg = 'cb-' || told.callback_id || '-customer-1' AND play.at > told.at
WHERE told.text LIKE 'Detection says human%%'
GROUP BY told.callback_id, told.at
"""


@pytest.mark.parametrize("how", ["gone", "frozen"])
def test_who_answers_while_redis_is_away_is_greeted_in_time(tmp_path: Path, how: str) -> None:
    """At the speed of life: phones ring, Redis goes, people answer, hear the treatment and talk with an agent."""
    # Half of them need twelve seconds to answer.
    numbers = [f"4420{position:06}{ending}" for position, ending in enumerate(["91", "10"] * 4)]
    with Installation(tmp_path, speed=1, agents=[f"agent{number}" for number in range(8)]) as service:
        service.query(WITNESS)
        clients = Clients(service.url, service.key, numbers, rate=100)
        clients.join()
        wait_until(lambda: service.number(RANG) == len(numbers), seconds=20)
        if how == "gone":
            service.redis.stop()
        else:
            service.freeze_redis()
        [(gone_at,)] = service.query("SELECT clock_timestamp()")

        late = Clients(service.url, service.key, ["442099999988"] * 3, rate=2)
        late.join()
        met = "SELECT count(*) FROM callbacks_callback WHERE reason = 'AGENT_CONNECTED'"
        wait_until(lambda: service.number(met) >= len(numbers), seconds=30)
        away = service.query("SELECT clock_timestamp()")[0][0] - gone_at
        answered = [(leg, float(seconds)) for leg, at, seconds in service.query(HEARD) if at > gone_at]
        told = [float(seconds) for _, seconds in service.query(TOLD)]
        not_yet = service.number("SELECT count(*) FROM callbacks_callback WHERE customer_number = '442099999988'")

        if how == "gone":
            service.redis.start()
        else:
            service.thaw_redis()
        settled = settle(service, service.revive)
        sys.stdout.write(
            f"Redis {how} for {away.total_seconds():.1f} s: {len(answered)} people answered, greeted after at most "
            f"{max(seconds for _, seconds in answered):.2f} s ({max(told):.2f} s after the journal's verdict); starts "
            f"took at most {max(start.seconds for start in late.starts):.2f} s; settled {settled:.1f} s later\n"
        )
        assert len(answered) >= len(numbers) / 2
        assert max(seconds for _, seconds in answered) < 2.0
        assert max(told) < 2.0
        # Requests are accepted meanwhile, at once, and carried out when it is back.
        assert late.answered == not_yet == 3
        assert max(start.seconds for start in late.starts) < 2.0
        assert service.number(met) == len(numbers) + 3
        assert (
            service.number("SELECT coalesce(max(count), 0) FROM (SELECT count(*) FROM witness_ring GROUP BY leg)") == 1
        )


def wait_until(so: Callable[[], bool], *, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.02)
