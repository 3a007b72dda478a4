"""How long an audit takes beside a day's completed callbacks: Beat's, each minute, and the command's, of everything."""

from __future__ import annotations

import time
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from callbacks import actions
from callbacks.audit import run
from callbacks.models import Callback
from telephony import calls
from tests.bench.world import Centre

COMPLETED = 100_000
SCHEDULED = 50_000
LIVE = 1_000
ROUNDS = 5

# A day of copies of one completed callback, with a timeline and an attempt each.
COPIES = """
INSERT INTO callbacks_callback (id, service_id, service_name, state, reason, stage, session, options, overrides,
    customer_number, user_data, properties, created_at, desired_at, completed_at, expires_at, agent, queue)
SELECT id || '-' || n, service_id, service_name, state, reason, stage, session, options, overrides, customer_number,
    user_data, properties, created_at - age, desired_at - age, completed_at - age, expires_at, agent, queue
FROM callbacks_callback, generate_series(1, %(completed)s) AS n,
    make_interval(secs => 86400.0 * n / %(completed)s) AS age
WHERE id = %(one)s
"""
TIMELINES = """
INSERT INTO callbacks_journalentry (callback_id, at, kind, text, cause, actor, state, stage, data)
SELECT %(one)s || '-' || n, entry.at, entry.kind, entry.text, entry.cause, entry.actor, entry.state, entry.stage,
    entry.data
FROM generate_series(1, %(completed)s) AS n, callbacks_journalentry AS entry, generate_series(1, 3)
WHERE entry.callback_id = %(one)s ORDER BY n, entry.id
"""
ATTEMPTS = """
INSERT INTO callbacks_attempt (callback_id, party, number, agent, began_at, dialled_at, ended_at, result, detail)
SELECT id, 'customer', 1, '', created_at, created_at, completed_at, 'PERSON', ''
FROM callbacks_callback WHERE state = 'COMPLETED'
"""
# Copies of one that rests until its time, with its timer and the last line of its timeline.
RESTING = """
INSERT INTO callbacks_callback (id, service_id, service_name, state, reason, stage, session, options, overrides,
    customer_number, user_data, properties, created_at, desired_at, completed_at, expires_at, agent, queue)
SELECT id || '-' || n, service_id, service_name, state, reason, stage, session, options, overrides, customer_number,
    user_data, properties, created_at, desired_at, completed_at, expires_at, agent, queue
FROM callbacks_callback, generate_series(1, %(scheduled)s) AS n WHERE id = %(one)s
"""
RESTING_TIMELINES = """
INSERT INTO callbacks_journalentry (callback_id, at, kind, text, cause, actor, state, stage, data)
SELECT %(one)s || '-' || n, entry.at, entry.kind, entry.text, entry.cause, entry.actor, entry.state, entry.stage,
    entry.data
FROM generate_series(1, %(scheduled)s) AS n, callbacks_journalentry AS entry
WHERE entry.callback_id = %(one)s ORDER BY n, entry.id
"""
RESTING_TIMERS = """
INSERT INTO scheduling_timer (owner, name, due_at, data)
SELECT owner || '-' || n, name, due_at, data FROM scheduling_timer, generate_series(1, %(scheduled)s) AS n
WHERE owner = %(one)s
"""


def measure() -> list[tuple[str, str]]:
    centre = Centre()
    fill(centre)
    beats = sorted(seconds(thorough=False) for _ in range(ROUNDS))
    whole = seconds(thorough=True)
    return [
        (
            f"audit, {COMPLETED} completed, {SCHEDULED} scheduled and {LIVE} more, ms (aim < 1000)",
            f"{beats[ROUNDS // 2] * 1000:.0f}",
        ),
        ("the same by the command, of all that is stored, ms", f"{whole * 1000:.0f}"),
    ]


def fill(centre: Centre) -> None:
    one = start(centre, hours=0)
    actions.cancel(callback_id=one.pk, actor="bench", now=timezone.now())
    # No worker is there to settle it, and making copies takes longer than the auditor's patience.
    calls.forget([one.pk])
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for statement in (COPIES, TIMELINES, ATTEMPTS):
            cursor.execute(statement, {"one": one.pk, "completed": COMPLETED})
        resting = start(centre, hours=5)
        for statement in (RESTING, RESTING_TIMELINES, RESTING_TIMERS):
            cursor.execute(statement, {"one": resting.pk, "scheduled": SCHEDULED})
    for number in range(LIVE):
        start(centre, hours=number % 2)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute("SET statement_timeout = '10s'")


def start(centre: Centre, *, hours: int) -> Callback:
    """One that rests until its time, or one that is about to be dialled."""
    now = timezone.now()
    return actions.start(
        service=centre.service,
        parameters={"_customer_number": "916504661232"},
        desired_at=now + timedelta(hours=hours) if hours else None,
        actor="bench",
        now=now,
    )


def seconds(*, thorough: bool) -> float:
    began = time.monotonic()
    found = run.audit(now=timezone.now(), thorough=thorough)
    took = time.monotonic() - began
    if found:
        raise RuntimeError(f"the auditor found {len(found)}, the first: {found[0]}")
    return took
