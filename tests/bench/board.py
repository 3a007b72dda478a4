"""The board of 50 queues and services and 1,000 agents, beside 10 thousand, 100 thousand and 1 million callbacks."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from callbacks import standing
from callbacks.models import Callback
from callbacksite import kept
from services.models import ConfiguredService
from telephony.models import QueueEntry
from tests.bench.queries import start
from tests.bench.routing import QUEUES, employ, forget, key_of
from tests.bench.world import OPTIONS, Centre

STORED = (10_000, 100_000, 1_000_000)
WAITING = 1_000
ROUNDS = 40

# A month of callbacks, a thirtieth of them of today, and a thousand who wait.
COPIES = """
INSERT INTO callbacks_callback (id, service_id, service_name, state, reason, stage, session, options, overrides,
    customer_number, user_data, properties, created_at, desired_at, completed_at, expires_at, agent, queue)
SELECT 'bench-' || n, service.id, service.name, CASE WHEN n <= %(waiting)s THEN 'QUEUED' ELSE 'COMPLETED' END,
    CASE WHEN n <= %(waiting)s THEN '' WHEN n %% 4 = 0 THEN 'FAIL_CALL_TO_CUSTOMER' ELSE 'AGENT_CONNECTED' END,
    CASE WHEN n <= %(waiting)s THEN 'awaiting' ELSE 'ended' END,
    jsonb_set(model.session, '{started_at}', to_jsonb(to_char(now() - age, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))),
    model.options, '{}', '49301' || lpad((n / 3)::text, 6, '0'), model.user_data, model.properties, now() - age,
    now() - age, CASE WHEN n > %(waiting)s THEN now() - age END, now() + interval '30 days', '', service.queue
FROM generate_series(%(first)s::int, %(last)s::int) AS n
JOIN callbacks_callback AS model ON model.id = %(model)s
CROSS JOIN LATERAL (SELECT id, name, 'queue' || n %% %(queues)s::int AS queue FROM services_configuredservice
    WHERE name = 'bench' || n %% %(queues)s::int) AS service
CROSS JOIN make_interval(secs => CASE WHEN n <= %(waiting)s THEN n / 2.0 ELSE 2592000.0 * n / %(last)s::int END) AS age
"""


def measure() -> Iterator[tuple[str, str]]:
    chance = random.Random(5)
    centre = Centre()
    with connection.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = 0")
    employ(centre, chance)
    for number in range(QUEUES):
        key = key_of(number)
        target = f"{key}@StatServer.GA" if key.startswith("?:") else f"{key.partition(':')[2]}@StatServer.GA"
        options = {**OPTIONS, "_urs_virtual_queue": f"queue{number}", "_target": target}
        ConfiguredService.objects.create(
            name=f"bench{number}", type="callback", configuration="User Terminated Immediate", options=options
        )
    model = start(centre).pk
    user = User.objects.create_superuser("bench-board")
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    first = 1
    for stored in STORED:
        fill(model, first, stored)
        first = stored + 1
        if not QueueEntry.objects.filter(owner__startswith="bench-").exists():
            wait()
        yield from figures(client, stored)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM telephony_queueentry")
    user.delete()
    forget()


def figures(client: Client, stored: int) -> Iterator[tuple[str, str]]:
    client.get("/board/")
    read = [timed(lambda: standing.read(timezone.now())) for _ in range(ROUNDS)]
    shown = []
    for _ in range(ROUNDS):
        # As it is for the first who asks: everything is read, and rendered.
        kept.SECONDS = 0.1
        time.sleep(0.1)
        shown.append(timed(lambda: client.get("/board/", headers={"HX-Request": "true"})))
    kept.SECONDS = 60.0
    again = [timed(lambda: client.get("/board/", headers={"HX-Request": "true"})) for _ in range(ROUNDS)]
    kept.SECONDS = 0.5
    said = f"{stored:,} callbacks"
    yield f"{said}: the first board after half a second, p95, ms (aim < 250)", f"{p95(shown):.0f}"
    yield f"{said}: what is read for it, median / p95, ms", f"{statistics.median(read):.0f} / {p95(read):.0f}"
    yield f"{said}: the next board of the same half second, p95, ms", f"{p95(again):.0f}"


def timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return (time.perf_counter() - began) * 1000


def p95(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=20)[-1]


def fill(model: str, first: int, last: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SET session_replication_role = replica")
        asked: dict[str, Any] = {"model": model, "first": first, "last": last, "waiting": WAITING, "queues": QUEUES}
        cursor.execute(COPIES, asked)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE callbacks_callback")
        cursor.execute("CHECKPOINT")
        cursor.execute("SET statement_timeout = '10s'")


def wait() -> None:
    """A place in its queue for each that is not over."""
    places = []
    waiting = Callback.objects.filter(pk__startswith="bench-", state="QUEUED")
    for owner, queue, at in waiting.values_list("pk", "queue", "created_at"):
        key = key_of(int(queue.removeprefix("queue")))
        places.append(
            QueueEntry(owner=owner, queue=queue, visit=1, place_at=at, reserve_seconds=20, keys=[key], line=owner[:32])
        )
    QueueEntry.objects.bulk_create(places)
