"""The supervisors' list beside ten thousand, a hundred thousand and a million callbacks of a month."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from callbacks import actions
from callbacks.pages.listing import EPOCH
from callbacks.pages.view import ORDERS
from services.models import ConfiguredService
from telephony import calls
from tests.bench.queries import start
from tests.bench.world import OPTIONS, Centre

SIZES = (10_000, 100_000, 1_000_000)
SERVICES, AGENTS, QUEUES = 20, 50, 5
ROUNDS = 40

# Thirty days of callbacks, and what is scheduled for the thirty to come: one in twenty. A thousand are at work. What
# the machine remembers of each is as long as it is with real ones. The services of a queue are always the same.
COPIES = """
INSERT INTO callbacks_callback (id, service_id, service_name, state, reason, stage, session, options, overrides,
    customer_number, user_data, properties, created_at, desired_at, completed_at, expires_at, start_base, agent, queue)
SELECT '369-' || md5(n::text)::uuid, service.id, service.name, said.state,
    CASE WHEN said.state <> 'COMPLETED' THEN '' ELSE said.reason END, said.stage, model.session, model.options, '{}',
    '49301' || lpad((n / 3)::text, 6, '0'),
    jsonb_build_object('customer_id', 'c-' || n / 5, 'plan', CASE WHEN n %% 3 = 0 THEN 'gold' ELSE 'silver' END),
    '{}', least(now(), said.at), said.at, CASE WHEN said.state = 'COMPLETED' THEN said.at + '9 min' END,
    now() + '60 days', CASE WHEN said.state = 'SCHEDULED' THEN said.at END,
    CASE WHEN said.state = 'COMPLETED' AND said.reason <> 'CANCELLED' THEN 'agent' || mixed.a %% %(agents)s::int
        ELSE '' END, 'Queue ' || mixed.s %% %(queues)s::int
FROM generate_series(%(first)s::int, %(last)s::int) AS n
CROSS JOIN LATERAL (SELECT hashint4(n) & 1048575 AS a, (hashint4(n) >> 10 & 1048575) %% %(services)s::int AS s,
    (hashint4(n + 1) & 1048575) %% 100 AS r) AS mixed
CROSS JOIN LATERAL (SELECT
    CASE WHEN n %% 20 = 0 THEN 'SCHEDULED' WHEN n <= 1000 THEN (ARRAY['QUEUED', 'QUEUED', 'ROUTING', 'PAUSED',
        'PROCESSING'])[1 + n %% 5] ELSE 'COMPLETED' END AS state,
    CASE WHEN n %% 20 = 0 THEN 'scheduled' WHEN n <= 1000 THEN 'retrying' ELSE 'ended' END AS stage,
    CASE WHEN mixed.r < 70 THEN 'AGENT_CONNECTED' WHEN mixed.r < 82 THEN 'FAIL_CALL_TO_CUSTOMER'
        WHEN mixed.r < 90 THEN 'CANCELLED' WHEN mixed.r < 95 THEN 'CANCELLED_BY_ADMIN'
        WHEN mixed.r < 98 THEN 'FAIL_TARGET_NOT_FOUND' ELSE 'FAIL_ERROR' END AS reason,
    now() + make_interval(secs => CASE WHEN n %% 20 = 0 THEN 1 ELSE -1 END * 2592000.0 * n / %(last)s::int) AS at
) AS said
JOIN callbacks_callback AS model ON model.id = CASE WHEN n <= 1000 THEN %(live)s ELSE %(over)s END
JOIN services_configuredservice AS service ON service.name = 'bench' || mixed.s
"""
INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE tablename = 'callbacks_callback' AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""


def prepared(centre: Centre) -> dict[str, Any]:
    """Services, and one callback of each kind to copy."""
    ConfiguredService.objects.bulk_create(
        ConfiguredService(name=f"bench{n}", type="callback", configuration="User Terminated Immediate", options=OPTIONS)
        for n in range(SERVICES)
    )
    live, over = start(centre), start(centre)
    actions.cancel(callback_id=over.pk, actor="bench", now=timezone.now())
    calls.forget([live.pk, over.pk])
    return {"live": live.pk, "over": over.pk, "services": SERVICES, "agents": AGENTS, "queues": QUEUES}


def fill(one: dict[str, Any], number: int) -> None:
    """Have so many callbacks beside the two. Indexes are built anew: a million rows come sooner without them."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        # No foreign key is looked up row by row.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("DELETE FROM callbacks_callback WHERE id NOT IN (%(live)s, %(over)s)", one)
        cursor.execute(INDEXES)
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        cursor.execute(COPIES, {**one, "first": 1, "last": number})
        for _, definition in indexes:
            cursor.execute(definition)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE callbacks_callback")
        # Else what was just filled in is written to disk while it is measured.
        cursor.execute("CHECKPOINT")
        cursor.execute("SET statement_timeout = '10s'")


def measure() -> Iterator[tuple[str, str]]:
    """The whole page, as the server makes it: half and 95 of 100 answers come within so many milliseconds."""
    boss = User.objects.create_superuser("boss")
    client = Client(SERVER_NAME="localhost")
    client.force_login(boss)
    one = prepared(Centre())
    taken: dict[str, list[tuple[float, float]]] = {}
    for size in SIZES:
        fill(one, size)
        for label, query in questions():
            taken.setdefault(label, []).append(pace(client, query))
    yield f"(beside {', '.join(map(str, SIZES))} callbacks; half, and 95 of 100, within ms)", ""
    for label, figures in taken.items():
        yield label, " / ".join(f"{half:.0f} {most:.0f}" for half, most in figures)
    yield "the slowest beside the most, half", f"{max(figures[-1][0] for figures in taken.values()):.0f}"
    yield (
        "the slowest beside the most, 95 of 100 (aim < 150)",
        f"{max(figures[-1][1] for figures in taken.values()):.0f}",
    )


def questions() -> Iterator[tuple[str, str]]:
    """What a person would ask, each as the address says it."""
    month = "range=last-30-days"
    ten = "&".join(f"service=bench{n}" for n in range(10))
    filters = {
        "today": "",
        "a month": month,
        "a month, what is over": f"{month}&state=COMPLETED",
        "a month, what waits": f"{month}&state=QUEUED&state=PAUSED",
        "a month, a service": f"{month}&service=bench7",
        "a month, ten services": f"{month}&{ten}",
        "a month, a reason": f"{month}&reason=FAIL_ERROR",
        "a month, the commonest reason": f"{month}&reason=AGENT_CONNECTED",
        "a month, a queue": f"{month}&queue=Queue+1",
        "a month, an agent": f"{month}&agent=agent7",
        "a month, an agent who is not there": f"{month}&agent=nobody",
        "a month, a number": f"{month}&number=49301001000",
        "a month, a part of a number": f"{month}&number=*1000",
        "a month, user data that five have": f"{month}&data=customer_id%3Dc-600",
        "a month, user data that a third have": f"{month}&data=plan%3Dgold",
        "a month, user data that nobody has": f"{month}&data=plan%3Dcopper",
        "a month, a service and a reason": f"{month}&service=bench7&reason=FAIL_ERROR",
        "a month, a service and a queue that is not its own": f"{month}&service=bench7&queue=Queue+1",
        "a month, a queue and a reason": f"{month}&queue=Queue+1&reason=FAIL_ERROR",
        "a month, a queue, what waits": f"{month}&queue=Queue+1&state=QUEUED",
        "a month, an agent, a service and a reason": f"{month}&agent=agent7&service=bench7&reason=AGENT_CONNECTED",
        "a month, a service and user data": f"{month}&service=bench7&data=plan%3Dgold",
        "what comes in a month": "range=next-30-days",
        "what comes in a month, a queue": "range=next-30-days&queue=Queue+1",
    }
    yield from filters.items()
    for column in ORDERS:
        yield f"a month by {column}", f"{month}&sort={column}"
        yield f"today by {column}, turned round", f"sort=-{column}"
    yield "a month, a service, by reason", f"{month}&service=bench7&sort=reason"
    yield "a month, a queue, by agent", f"{month}&queue=Queue+1&sort=agent"
    yield "a month, a reason, by service", f"{month}&reason=AGENT_CONNECTED&sort=service"
    # Each service has a queue of its own: in this order it comes last, or behind services that have none of it.
    yield "a month, a service, by queue", f"{month}&service=bench9&sort=queue"
    yield "a month, a service, by queue turned round", f"{month}&service=bench5&sort=-queue"
    yield "a month, a queue, by service", f"{month}&queue=Queue+4&sort=service"
    middle = (timezone.now() - timedelta(days=15) - EPOCH) // timedelta(microseconds=1)
    yield "a month, a page in its middle", f"{month}&after={middle}.369."
    yield "a month, an agent, a page in its middle", f"{month}&agent=agent7&after={middle}.369."
    yield "a month by agent, a page in its middle", f"{month}&sort=agent&after={middle}.369.agent25"


def pace(client: Client, query: str) -> tuple[float, float]:
    """Milliseconds within which half and 95 of 100 answers come."""
    taken = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        response = client.get(f"/callbacks/?{query}")
        taken.append(time.perf_counter() - began)
        if response.status_code != 200:
            raise RuntimeError(query)
    # The first brings the pages of the database into memory.
    return statistics.median(taken[1:]) * 1000, statistics.quantiles(taken[1:], n=20)[-1] * 1000
