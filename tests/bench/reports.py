"""The page of reports beside ten thousand to a million callbacks of a year, and the pace of the sweep."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from callbacks import actions
from callbacks.models import Callback
from callbacks.reporting import sweep
from callbacks.reporting.models import AgentTotal, CallbackFact, ReportTotal
from telephony import calls
from tests.bench.world import Centre

SIZES = (10_000, 100_000, 1_000_000)
SERVICES, AGENTS = 20, 200
ROUNDS = 20
SWEPT, COMPLETED = 2000, 100

# Facts of a year, spread over services, days and hours of the day.
FACTS = """
INSERT INTO callbacks_callbackfact (callback, service, queue, direction, reason, disposition, agent, has_promise,
    accepted_at, desired_at, started_at, rung_at, reached_at, connected_at, completed_at, ended_at, results,
    talk_seconds, ewt, ewt_p90, wait_outcome, waited, ring_late)
SELECT 'bench-' || n, 'bench' || n %% %(services)s::int, 'Billing_VQ', 'USERTERMINATED',
    (ARRAY['AGENT_CONNECTED', 'AGENT_CONNECTED', 'AGENT_CONNECTED', 'CANCELLED', 'FAIL_CALL_TO_CUSTOMER'])[1 + n %% 5],
    '', 'a' || n %% %(agents)s::int, n %% 3 = 0, at, at, at, at + '1 min', at + '70 s', at + '80 s', at + '80 s',
    at + '5 min', ARRAY[(ARRAY['PERSON', 'PERSON', 'BUSY', 'NO_ANSWER', 'ANSWERING_MACHINE'])[1 + n %% 5]],
    220, n %% 400, n %% 800, 'served', n * 7919::bigint %% 500, n * 104729::bigint %% 1200 - 300
FROM generate_series(%(first)s::int, %(last)s::int) AS n,
    LATERAL (SELECT date_trunc('day', now()) - (n * 48271::bigint %% 363) * interval '1 day'
        + (8 + n * 69621::bigint %% 12) * interval '1 hour' AS at) AS moment
"""
# The same totals that a sweep would have made of them.
TOTALS = """
INSERT INTO callbacks_reporttotal AS total (span, starts, what, service, key, n, seconds)
SELECT span, starts, what, service, key, count(*), sum(seconds)
FROM callbacks_callbackfact
CROSS JOIN LATERAL (VALUES ('d', completed_at::date), ('m', date_trunc('month', completed_at)::date))
    AS days (span, starts)
CROSS JOIN LATERAL (VALUES
    ('funnel', 'accepted', 0), ('funnel', 'started', 0), ('funnel', 'rung', 0), ('funnel', 'reached', 0),
    ('funnel', 'connected', 0), ('outcome', reason, 0), ('tries', '1', 0), ('result', results[1], 0),
    ('ring_late', '+' || abs(ring_late)::int % 30, ring_late),
    ('ewt', '-' || abs(ewt - waited)::int % 30, ewt - waited),
    ('p90', 'within', 0), ('wait', 'served', 0), ('offline', '+' || ewt::int % 20, ewt),
    ('hold', '+' || waited::int % 20, waited),
    ('requested', lpad(((extract(isodow FROM accepted_at) - 1) * 24 + extract(hour FROM accepted_at))::text, 3, '0'),
        0),
    ('rung', lpad(((extract(isodow FROM rung_at) - 1) * 24 + extract(hour FROM rung_at))::text, 3, '0'), 0)
) AS counted (what, key, seconds)
GROUP BY 1, 2, 3, 4, 5
"""
AGENT_TOTALS = """
INSERT INTO callbacks_agenttotal
SELECT span, starts, agent, service, count(*), count(*), 0, 0, 0, 0, 0, sum(talk_seconds)
FROM callbacks_callbackfact
CROSS JOIN LATERAL (VALUES ('d', completed_at::date), ('m', date_trunc('month', completed_at)::date))
    AS days (span, starts)
GROUP BY 1, 2, 3, 4
"""


def measure() -> Iterator[tuple[str, str]]:
    centre = Centre()
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create_superuser("reports"))
    yield f"(callbacks of a year, of {SERVICES} services and {AGENTS} agents; p50 / p95 of {ROUNDS} requests, ms)", ""
    for size in SIZES:
        fill(size)
        for label, query in (
            ("52 weeks, by week", "period=52w"),
            ("52 weeks, by service", "period=52w&by=service"),
            ("52 weeks, one service", "period=52w&service=bench7"),
            ("28 days, by day, beside the 28 before", "period=28d"),
        ):
            times, busy = taken(client, f"/reports/?{query}")
            yield f"beside {size}: {label}", figures(times)
            yield "  of which this process was at work", figures(busy)
        rows = ReportTotal.objects.count() + AgentTotal.objects.count()
        yield f"beside {size}: totals, rows", str(rows)
    yield "export, records a second", f"{exported(client):.0f}"
    yield from sweeping(centre)


def fill(size: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        first = CallbackFact.objects.count() + 1
        cursor.execute(FACTS, {"services": SERVICES, "agents": AGENTS, "first": first, "last": size})
        cursor.execute("TRUNCATE callbacks_reporttotal, callbacks_agenttotal")
        cursor.execute(TOTALS)
        cursor.execute(AGENT_TOTALS)
        cursor.execute("VACUUM ANALYZE callbacks_reporttotal, callbacks_agenttotal, callbacks_callbackfact")
        cursor.execute("SET statement_timeout = '10s'")


def taken(client: Client, url: str) -> tuple[list[float], list[float]]:
    """Milliseconds of each round, and those of the processor, without the database; the first one is to warm up."""
    times, busy = [], []
    for _ in range(ROUNDS + 1):
        began, began_work = time.perf_counter(), time.process_time()
        response = client.get(url)
        times.append((time.perf_counter() - began) * 1000)
        busy.append((time.process_time() - began_work) * 1000)
        if response.status_code != 200 or b"How far callbacks came" not in response.content:
            raise RuntimeError(response.content)
    return times[1:], busy[1:]


def figures(times: list[float]) -> str:
    return f"{statistics.median(times):.0f} / {statistics.quantiles(times, n=20)[-1]:.0f}"


def exported(client: Client) -> float:
    began, records = time.perf_counter(), 0
    response: Any = client.get("/reports/callbacks.csv?period=28d")
    for piece in response:
        records += piece.count(b"\n")
    return records / (time.perf_counter() - began)


def sweeping(centre: Centre) -> Iterator[tuple[str, str]]:
    """How long a fact takes, and what share that is of starting and cancelling, the cheapest way to complete one."""
    began = time.perf_counter()
    for _ in range(COMPLETED):
        one = actions.start(
            service=centre.service,
            parameters={"_customer_number": "916504661232"},
            desired_at=None,
            actor="bench",
            now=timezone.now(),
        )
        actions.cancel(callback_id=one.pk, actor="bench", now=timezone.now())
    completing = (time.perf_counter() - began) / COMPLETED
    calls.forget(list(Callback.objects.values_list("pk", flat=True)))
    copy(one.pk)
    began = time.perf_counter()
    swept = 0
    while found := sweep.report_batch(sweep.LARGEST_BATCH):
        swept += found
    fact = (time.perf_counter() - began) / swept
    yield "sweep, facts a second", f"{1 / fact:.0f}"
    yield "a fact, of starting and cancelling a callback", f"{fact / completing:.1%}"


def copy(model: str) -> None:
    """More of the same, each with its attempt and its timeline."""
    with connection.cursor() as cursor:
        names = ", ".join(str(field.column) for field in Callback._meta.concrete_fields if field.column != "id")
        cursor.execute(
            f"INSERT INTO callbacks_callback (id, {names}) SELECT id || '-' || n, {names}"  # noqa: S608
            " FROM callbacks_callback, generate_series(1, %s) AS n WHERE id = %s",
            [SWEPT, model],
        )
        cursor.execute(
            "INSERT INTO callbacks_attempt (callback_id, party, number, agent, began_at, dialled_at, answered_at,"
            " ended_at, result, detail)"
            " SELECT id, 'customer', 1, '', created_at, created_at, created_at, completed_at, 'PERSON', ''"
            " FROM callbacks_callback WHERE id LIKE %s",
            [f"{model}-%"],
        )
        cursor.execute(
            "INSERT INTO callbacks_journalentry (callback_id, at, kind, text, cause, actor, state, stage, data)"
            " SELECT id, completed_at, 'connected', '', '', 'system', 'COMPLETED', 'talking', '{\"agent\": \"a1\"}'"
            " FROM callbacks_callback WHERE id LIKE %s",
            [f"{model}-%"],
        )
