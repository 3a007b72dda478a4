"""Starting at the right moment, and removing what is over, beside a million stored callbacks.

1. Lateness of 2,000 starts due over a minute, with Beat and workers as in production; the same by Celery's ETA tasks.
2. One tick beside 10 thousand, 100 thousand and 1 million stored callbacks.
3. The sweep of that million, all expired, while starts are served.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from django.db import connection
from django.utils import timezone

from callbacks import actions, sweeps
from callbacks.models import Callback
from scheduling import tick
from tests.bench import eta, site
from tests.bench.throughput import NUMBER, reset_counters
from tests.bench.world import Centre

STARTS = 2_000
OVER_SECONDS = 60
# The first is due only when all are stored, or published.
BEGINS_IN = timedelta(seconds=10)

SIZES = (10_000, 100_000, 1_000_000)
TICKS = 60

# The sweep comes as far as that in the time that it is watched; only so many have their timeline and their options.
FURNISHED = 150_000
CONNECTIONS = 4
STARTS_PER_SECOND = 16
QUIET_SECONDS = 15
SWEEP_SECONDS = 40

# Copies of a callback that rests, due one after the other; for the tick, or not for another day. None has a place in a
# slot.
DUE = """
INSERT INTO callbacks_callback (id, service_id, service_name, state, reason, stage, session, options, overrides,
    customer_number, user_data, properties, created_at, desired_at, completed_at, expires_at, start_base, agent, queue)
SELECT '369-' || gen_random_uuid(), service_id, service_name, state, reason, stage,
    session || jsonb_build_object('slot', NULL,
        'desired_at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')),
    options, overrides, customer_number, user_data, properties, created_at, at, completed_at, at + interval '1 day',
    CASE WHEN %(by_tick)s THEN at ELSE at + interval '1 day' END, agent, queue
FROM callbacks_callback, generate_series(1, %(starts)s) AS n, LATERAL (
    SELECT %(begin)s::timestamptz + make_interval(secs => %(seconds)s * n::float / %(starts)s) AS at) AS due
WHERE id = %(one)s
"""
# Without them the audit, which Beat asks for meanwhile, would have something to say about each.
DUE_TIMELINES = """
INSERT INTO callbacks_journalentry (callback_id, at, kind, text, cause, actor, state, stage, data)
SELECT callback.id, entry.at, entry.kind, entry.text, entry.cause, entry.actor, entry.state, entry.stage, entry.data
FROM callbacks_callback AS callback, callbacks_journalentry AS entry
WHERE callback.id <> %(one)s AND entry.callback_id = %(one)s ORDER BY callback.id, entry.id
"""
LATENESS = """
SELECT extract(epoch FROM min(entry.at) - callback.desired_at)::float
FROM callbacks_callback AS callback JOIN callbacks_journalentry AS entry ON entry.callback_id = callback.id
WHERE entry.cause = 'StartDue' GROUP BY callback.id ORDER BY 1
"""

# Copies number `from` to `to`. Completed ones expired in the order of their numbers.
COMPLETED = """
INSERT INTO callbacks_callback (id, service_id, service_name, state, reason, stage, session, options, overrides,
    customer_number, user_data, properties, created_at, desired_at, completed_at, expires_at, agent, queue)
SELECT '369-' || md5(n::text)::uuid, service_id, service_name, state, reason, stage, session,
    CASE WHEN n <= %(furnished)s THEN options ELSE '{}' END, overrides, customer_number, user_data, properties,
    created_at - interval '3 days', desired_at - interval '3 days', completed_at - interval '3 days',
    now() - interval '2 days' + make_interval(secs => n * 0.1), agent, queue
FROM callbacks_callback, generate_series(%(from)s::integer, %(to)s::integer) AS n WHERE id = %(completed)s
"""
# As many lines and attempts as a callback has on average that was called and connected.
TIMELINES = """
INSERT INTO callbacks_journalentry (callback_id, at, kind, text, cause, actor, state, stage, data)
SELECT '369-' || md5(n::text)::uuid, entry.at, entry.kind, entry.text, entry.cause, entry.actor, entry.state,
    entry.stage, entry.data
FROM generate_series(%(from)s::integer, least(%(to)s, %(furnished)s)::integer) AS n, generate_series(1, 8),
    (SELECT * FROM callbacks_journalentry WHERE callback_id = %(completed)s ORDER BY id LIMIT 1) AS entry
"""
ATTEMPTS = """
INSERT INTO callbacks_attempt (callback_id, party, number, agent, began_at, dialled_at, ended_at, result, detail)
SELECT '369-' || md5(n::text)::uuid, party, 1, '', now(), now(), now(), 'PERSON', ''
FROM generate_series(%(from)s::integer, least(%(to)s, %(furnished)s)::integer) AS n,
    unnest(ARRAY['customer', 'agent']) AS party
"""
SCHEDULED = """
INSERT INTO callbacks_callback (id, service_id, service_name, state, reason, stage, session, options, overrides,
    customer_number, user_data, properties, created_at, desired_at, completed_at, expires_at, start_base, agent, queue)
SELECT '369-' || md5('scheduled' || n)::uuid, service_id, service_name, state, reason, stage, session, options,
    overrides, customer_number, user_data, properties, created_at, desired_at + later, completed_at,
    expires_at + later, start_base + later, agent, queue
FROM callbacks_callback, generate_series(%(from)s::integer, %(to)s::integer) AS n, make_interval(secs => n) AS later
WHERE id = %(scheduled)s AND n %% 10 = 0
"""


def measure() -> list[tuple[str, str]]:
    return [*measure_starts(), *measure_beside_stored()]


def measure_starts() -> list[tuple[str, str]]:
    by_tick = lateness(by_tick=True)
    by_eta = lateness(by_tick=False)
    label = f"{STARTS} starts due over {OVER_SECONDS} s, late p50/p95/p99, ms"
    return [(label, by_tick), ("the same as Celery ETA tasks, ms", by_eta)]


def lateness(*, by_tick: bool) -> str:
    """From the moment at which each is due until a worker decided its start; with nobody logged in, they then wait."""
    centre = Centre()
    resting = start(centre, timezone.now() + timedelta(days=1))
    with site.backstage():
        site.wait_until_beating()
        begin = timezone.now() + BEGINS_IN
        values: dict[str, Any] = {
            "one": resting.pk,
            "by_tick": by_tick,
            "starts": STARTS,
            "begin": begin,
            "seconds": OVER_SECONDS,
        }
        with connection.cursor() as cursor:
            cursor.execute(DUE, values)
            cursor.execute(DUE_TIMELINES, {"one": resting.pk})
        if not by_tick:
            for callback_id, due in Callback.objects.exclude(pk=resting.pk).values_list("pk", "desired_at"):
                eta.start.apply_async((callback_id,), eta=due)
        late = wait_until_started(begin + timedelta(seconds=OVER_SECONDS + 180))
    return "/".join(f"{late[int(len(late) * share)] * 1000:.0f}" for share in (0.5, 0.95, 0.99))


def wait_until_started(until: datetime) -> list[float]:
    """Seconds of lateness of each, ascending."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(LATENESS)
            late = [seconds for (seconds,) in cursor.fetchall()]
        if len(late) == STARTS:
            return late
        if timezone.now() > until:
            raise RuntimeError(f"only {len(late)} of {STARTS} have started")
        time.sleep(1)


def start(centre: Centre, desired_at: datetime) -> Callback:
    """One that starts at its desired time, not earlier, and is then not dialled before an agent is free."""
    centre.service.options |= {"_wait_for_agent": "true", "_request_execution_time_buffer": "0"}
    centre.service.save(update_fields=["options"])
    return actions.start(
        service=centre.service,
        parameters={"_customer_number": NUMBER},
        desired_at=desired_at,
        actor="bench",
        now=timezone.now(),
    )


def measure_beside_stored() -> list[tuple[str, str]]:
    centre = Centre()
    scheduled = start(centre, timezone.now() + timedelta(hours=5))
    completed = start(centre, timezone.now() + timedelta(hours=5))
    actions.cancel(callback_id=completed.pk, actor="bench", now=timezone.now())
    ticks = {}
    stored = 0
    for size in SIZES:
        fill(stored, size, completed.pk, scheduled.pk)
        stored = size
        ticks[size] = one_tick()
    small, _, large = SIZES
    return [
        (f"one tick, {SIZES} stored, ms of work", " / ".join(f"{seconds * 1000:.1f}" for seconds in ticks.values())),
        ("the last against the first (aim <= 1.3)", f"{ticks[large] / ticks[small]:.2f}"),
        *measure_sweep(centre),
    ]


def fill(stored: int, size: int, completed: str, scheduled: str) -> None:
    """Have `size` completed ones and a tenth as many that rest, of which so many are stored."""
    values: dict[str, Any] = {"from": stored + 1, "to": size, "completed": completed, "scheduled": scheduled}
    values["furnished"] = FURNISHED
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        # What is copied fits together; asking the server to check that would take longer than the copying.
        cursor.execute("SET session_replication_role = replica")
        for statement in (COMPLETED, TIMELINES, ATTEMPTS, SCHEDULED):
            cursor.execute(statement, values)
        cursor.execute("RESET session_replication_role")
        cursor.execute("VACUUM ANALYZE")
        # Otherwise the pages just filled are written out while the measurement runs.
        cursor.execute("CHECKPOINT")
        cursor.execute("SET statement_timeout = '10s'")


def one_tick() -> float:
    """Seconds of a tick for which nothing is due, on average: processor time of its own, and of the database."""
    reset_counters()
    began = time.process_time()
    for _ in range(TICKS):
        if not tick.tick(timezone.now()):
            raise RuntimeError("another tick was running")
    own = time.process_time() - began
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(total_exec_time)::float / 1000 FROM pg_stat_statements")
        return (own + float(cursor.fetchone()[0])) / TICKS


def measure_sweep(centre: Centre) -> list[tuple[str, str]]:
    """Starts are requested all along; after a while Beat and the clock's worker begin to remove what has expired."""
    address = f"/genesys/1/service/callback/{centre.service.name}"
    with site.web() as root:
        requests(root + address, centre.key, seconds=3)
        quiet = requests(root + address, centre.key, seconds=QUIET_SECONDS)
        before = completed_ones()
        with site.running(site.CLOCK, site.BEAT):
            while completed_ones() == before:
                time.sleep(0.2)
            began, at_first = time.monotonic(), completed_ones()
            busy = requests(root + address, centre.key, seconds=SWEEP_SECONDS)
            pace = (at_first - completed_ones()) / (time.monotonic() - began)
    turns = sorted(one_turn() for _ in range(20))
    with connection.cursor() as cursor:
        # What is measured next would remove them row by row.
        cursor.execute("TRUNCATE callbacks_callback, scheduling_booking CASCADE")
    return [
        (
            f"removed per second of {before:,} expired, each with 8 journal rows and 2 attempts",
            f"{pace:.0f}",
        ),
        ("a million is gone after, minutes", f"{1_000_000 / pace / 60:.1f}"),
        (f"start requests meanwhile, {STARTS_PER_SECOND}/s, p95 ms (before the sweep)", f"{p95(busy)} ({p95(quiet)})"),
        ("one turn of the sweep, median and longest of 20, ms (aim <= 200)", f"{turns[10]:.0f} / {turns[-1]:.0f}"),
    ]


def completed_ones() -> int:
    return Callback.objects.filter(state="COMPLETED").count()


def one_turn() -> float:
    """Milliseconds."""
    began = time.perf_counter()
    if not sweeps.delete_expired(timezone.now()):
        raise RuntimeError("nothing is left to remove")
    return (time.perf_counter() - began) * 1000


def p95(seconds: list[float]) -> str:
    return f"{sorted(seconds)[int(len(seconds) * 0.95)] * 1000:.0f}"


def requests(url: str, key: str, *, seconds: float) -> list[float]:
    """Request callbacks for tomorrow, so many a second for so long; the seconds that each took."""
    took: list[float] = []
    refused: list[str] = []
    began = time.monotonic()
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    def client(turn: int) -> None:
        with httpx2.Client(headers={"x-api-key": key}, timeout=20, trust_env=False) as http:
            for number in range(turn, int(seconds * STARTS_PER_SECOND), CONNECTIONS):
                time.sleep(max(0.0, began + number / STARTS_PER_SECOND - time.monotonic()))
                desired_at = tomorrow + timedelta(minutes=len(took) % 1000)
                body = {"_customer_number": NUMBER, "_desired_time": f"{desired_at:%Y-%m-%dT%H:%M:%S}.000Z"}
                asked = time.perf_counter()
                answer = http.post(url, data=body)
                took.append(time.perf_counter() - asked)
                if answer.status_code != 200:
                    refused.append(answer.text)

    clients = [threading.Thread(target=client, args=(turn,)) for turn in range(CONNECTIONS)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    if refused:
        raise RuntimeError(f"{len(refused)} requests were refused, the first: {refused[0]}")
    return took
