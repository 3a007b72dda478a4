"""Whether a query takes longer because more callbacks are stored: each one beside ten thousand and beside a million."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection
from django.test import Client
from django.utils import timezone

from callbacks import actions, lookups
from callbacks.models import Callback, LookupKey
from services.models import ADMIN, QUERY, START, ApiKey, ConfiguredService
from telephony import calls
from tests.bench.world import OPTIONS, Centre

FEW, MANY = 10_000, 1_000_000
SERVICES = 20
ROUNDS = 9
API = "/genesys/1"
KEYS = "_customer_number,customer_id,plan"

# A month of callbacks of twenty services. A thousand wait, six hundred ended in the last minutes, and five hundred were
# served another way, however many are stored: what is asked has the same answer. What the machine remembers of each is
# left out: no query reads it.
COPIES = """
INSERT INTO callbacks_callback (id, service_id, service_name, state, reason, stage, session, options, overrides,
    customer_number, user_data, properties, created_at, desired_at, completed_at, expires_at, agent, queue)
SELECT model.id || '-' || n, service.id, service.name, model.state,
    CASE WHEN model.reason = '' THEN '' WHEN n %% 20 = 1 AND n <= %(few)s::int THEN 'CANCELLED_SERVED'
        WHEN n %% 10 = 0 THEN 'CANCELLED_BY_ADMIN' ELSE 'AGENT_CONNECTED' END,
    model.stage, '{}', '{}', '{}', '49301' || lpad((n / 3)::text, 6, '0'),
    jsonb_build_object('customer_id', 'c-' || n / 5, 'plan', CASE WHEN n %% 3 = 0 THEN 'gold' ELSE 'silver' END),
    model.properties, model.created_at - age, model.desired_at - age, model.completed_at - age, model.expires_at,
    model.agent, model.queue
FROM generate_series(%(first)s::int, %(last)s::int) AS n
JOIN callbacks_callback AS model ON model.id = CASE WHEN n <= 1000 THEN %(live)s ELSE %(over)s END
JOIN services_configuredservice AS service ON service.name = 'bench' || n %% %(services)s::int
CROSS JOIN make_interval(secs => CASE WHEN n <= 1600 THEN n / 2.0 ELSE 900 + 2592000.0 * n / %(last)s::int END) AS age
"""
FOUND_BY = """
INSERT INTO callbacks_lookupkey (callback_id, digest, created_at)
SELECT id, ('x' || left(encode(sha256(
    convert_to(said.key, 'UTF8') || '\\x00'::bytea || convert_to(said.value, 'UTF8')), 'hex'), 16))::bit(64)::bigint,
    created_at
FROM callbacks_callback, jsonb_each_text(user_data) AS said
WHERE service_name <> 'bench' AND substring(id FROM '[0-9]+$')::bigint BETWEEN %(first)s::int AND %(last)s::int
"""
# Those that are no constraints.
INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE tablename IN ('callbacks_callback', 'callbacks_lookupkey')
    AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""


def measure() -> Iterator[tuple[str, str]]:
    centre = Centre()
    client, one = prepared(centre)
    taken: dict[str, list[tuple[float, int]]] = {}
    first = 1
    for stored in (FEW, MANY):
        fill(one, first, stored)
        first = stored + 1
        for label, question in questions(client):
            taken.setdefault(label, []).append((fastest(question), pages(question)))
    yield f"(beside {FEW} and {MANY} callbacks)", ""
    for label, ((few, few_pages), (many, many_pages)) in taken.items():
        yield f"{label}, pages of the database", f"{few_pages} / {many_pages}"
        yield f"{label}, ms, ratio", f"{few:.1f} / {many:.1f}, {many / few:.2f}"
    worst = max(many / few for (_, few), (_, many) in taken.values())
    yield "the largest ratio of pages (aim < 2: a step more into each index)", f"{worst:.2f}"
    yield "the same without an index: reads all, ms", f"{fastest(without_index, rounds=1):.0f}"


def prepared(centre: Centre) -> tuple[Client, dict[str, Any]]:
    """A key that may do all, services, and one callback of each kind to copy."""
    options = {**OPTIONS, "_customer_lookup_keys": KEYS}
    ConfiguredService.objects.bulk_create(
        ConfiguredService(name=f"bench{n}", type="callback", configuration="User Terminated Immediate", options=options)
        for n in range(SERVICES)
    )
    _, key = ApiKey.objects.create_key(name="queries", scopes=[START, QUERY, ADMIN])
    live, over = start(centre), start(centre)
    actions.cancel(callback_id=over.pk, actor="bench", now=timezone.now())
    calls.forget([live.pk, over.pk])
    return Client(SERVER_NAME="localhost", headers={"x-api-key": key}), {
        "live": live.pk,
        "over": over.pk,
        "services": SERVICES,
        "few": FEW,
    }


def start(centre: Centre) -> Callback:
    return actions.start(
        service=centre.service,
        parameters={"_customer_number": "916504661232"},
        desired_at=None,
        actor="bench",
        now=timezone.now(),
    )


def fill(one: dict[str, Any], first: int, last: int) -> None:
    """Store callbacks `first` to `last`. Indexes are built anew after it: a million rows come sooner without them."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        # No foreign key is looked up row by row.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(INDEXES)
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        cursor.execute(COPIES, {**one, "first": first, "last": last})
        cursor.execute(FOUND_BY, {"first": first, "last": last})
        for _, definition in indexes:
            cursor.execute(definition)
        cursor.execute("SET session_replication_role = origin")
        if not LookupKey.objects.filter(digest=lookups.digest("customer_id", "c-600")).exists():
            raise RuntimeError("the keys are not those by which the product looks")
        cursor.execute("VACUUM ANALYZE callbacks_callback, callbacks_lookupkey")
        cursor.execute("SET statement_timeout = '10s'")


def questions(client: Client) -> Iterator[tuple[str, Callable[[], None]]]:
    """Every query of the API: what finds one, what finds many, what looks for what is not there."""
    now = timezone.now()
    month = {"start_time": written(now - timedelta(days=31)), "end_time": written(now)}
    found, of_one = f"{API}/service/callback", f"{API}/service/callback/bench7"
    for label, path, query in (
        ("by number", found, {"_customer_number": "49301001000"}),
        ("by number, live ones", found, {"_customer_number": "49301001000", "_callback_state": "!COMPLETED"}),
        ("by a key of one's own", found, {"customer_id": "c-600"}),
        ("by a key that a third have", found, {"plan": "gold"}),
        ("two keys, one of which a third have", found, {"plan": "gold", "customer_id": "c-600"}),
        ("live ones of all services", found, {"_callback_state": "!COMPLETED"}),
        ("by reason", found, {"_callback_reason": "CANCELLED_SERVED"}),
        ("by reason, of which there are many", found, {"_callback_reason": "CANCELLED_BY_ADMIN"}),
        ("any of two keys", found, {"customer_id": "c-600", "_customer_number": "49301001000", "operand": "OR"}),
        ("one service, all of it", of_one, {}),
        ("one service, live ones", of_one, {"_callback_state": "!COMPLETED"}),
        ("one service, a negated key", of_one, {"plan": "!copper"}),
        ("among all that are over, what is not there", found, {"_callback_state": "COMPLETED", "_service_name": "x"}),
        ("queues, the default window", f"{API}/admin/callback/queues", {}),
        ("queues, a month, live ones", f"{API}/admin/callback/queues", {**month, "states": "QUEUED,SCHEDULED"}),
        ("queues, a month of one service", f"{API}/admin/callback/queues", {**month, "target": "bench7"}),
        ("queues, a month, what is not there", f"{API}/admin/callback/queues", {**month, "_vq": "nothing"}),
        ("watermarks", f"{API}/admin/callback/watermarks", {}),
    ):
        yield label, partial(ask, client, path, query)
    report = f"{API}/admin/callback/reportcancelled"
    body = {"callback_reason": "CANCELLED_SERVED", "exported_properties": ["_service_id", "customer_id"]}
    yield "report of five hundred", partial(ask, client, report, body, method="POST")


def ask(client: Client, path: str, query: dict[str, Any], method: str = "GET") -> None:
    response = client.get(path, query) if method == "GET" else client.post(path, query, content_type="application/json")
    if response.status_code != 200:
        raise RuntimeError(response.content)


def written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


def without_index() -> None:
    """What a question about a request's own keys costs, which no index carries."""
    list(Callback.objects.filter(properties__contains={"_nowhere": "none"}).values_list("pk"))


def pages(question: Callable[[], None]) -> int:
    """How many pages the database looks at for an answer, which no other work on the machine changes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_statements_reset()")
        question()
        cursor.execute("SELECT sum(shared_blks_hit + shared_blks_read) FROM pg_stat_statements")
        return int(cursor.fetchone()[0])


def fastest(question: Callable[[], None], rounds: int = ROUNDS) -> float:
    """Milliseconds; of several rounds the fastest, which whatever else the machine does disturbs least."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        question()
        taken.append(time.perf_counter() - began)
    return min(taken) * 1000
