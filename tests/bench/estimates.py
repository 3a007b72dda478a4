"""Estimates for one among 1,000 and 10,000 who wait in 50 queues for 1,000 agents; and judging half a million."""

from __future__ import annotations

import random
import statistics
import time

from django.db import connection
from django.utils import timezone

from telephony import estimates, predictions, workforce
from telephony.models import QueueEntry
from tests.bench.routing import QUEUES, employ, forget, key_of, store, use_entries_of
from tests.bench.world import Centre

SIZES = (1_000, 10_000)
ROUNDS, ASKED_A_ROUND = 5, 20
JUDGED = 500_000


def measure() -> list[tuple[str, str]]:
    chance = random.Random(5)
    with connection.cursor() as cursor:
        # Ten thousand rows are made in one transaction, which on a busy machine pauses for longer than a service may.
        cursor.execute("SET idle_in_transaction_session_timeout = 0")
    employ(Centre(), chance)
    for size in SIZES:
        store(size, chance)
    new: dict[int, list[float]] = {size: [] for size in SIZES}
    standing: dict[int, list[float]] = {size: [] for size in SIZES}
    unknown = []
    # Taken in turns, so that whatever else the machine does falls on all sizes.
    for _ in range(ROUNDS):
        for size in SIZES:
            use_entries_of(size, "agent")
            ask_new(chance, count=2)
            new[size] += ask_new(chance, count=ASKED_A_ROUND)
            standing[size] += ask_standing(chance, size, count=ASKED_A_ROUND)
        workforce._known = workforce._Audience(0.0, frozenset(), frozenset(), {})
        unknown += ask_new(chance, count=1)
    forget()
    return [
        *in_ms("what one who would join can expect, ms (aim < 15)", new),
        *in_ms("what one in the line can expect, ms (aim < 15)", standing),
        ("the first after ten seconds asks anew who serves what, median, ms", f"{statistics.median(unknown):.0f}"),
        (f"judging {JUDGED:,} predictions of two weeks, s", f"{judge():.2f}"),
    ]


def in_ms(what: str, took: dict[int, list[float]]) -> list[tuple[str, str]]:
    medians = [statistics.median(took[size]) for size in SIZES]
    worst = [statistics.quantiles(took[size], n=20)[-1] for size in SIZES]
    waiting = ", ".join(f"{size:,}" for size in SIZES)
    return [
        (what, f"{medians[-1]:.1f}"),
        (f"  medians with {waiting} waiting", " / ".join(f"{each:.1f}" for each in medians)),
        ("  p95", " / ".join(f"{each:.1f}" for each in worst)),
        ("  the last median against the first (flat: about 1)", f"{medians[-1] / medians[0]:.2f}"),
    ]


def ask_new(chance: random.Random, *, count: int) -> list[float]:
    """Milliseconds of asking for one who would join a queue."""
    took = []
    for queue in chance.choices(range(QUEUES), k=count):
        key = key_of(queue)
        target = f"{key}@StatServer.GA" if key.startswith("?:") else f"{key.partition(':')[2]}@StatServer.GA"
        began = time.perf_counter()
        found = estimates.estimate(f"queue{queue}", target, now=timezone.now())
        took.append((time.perf_counter() - began) * 1000)
        if not found.is_known:
            raise RuntimeError(f"nobody for {target}")
    return took


def ask_standing(chance: random.Random, size: int, *, count: int) -> list[float]:
    """Milliseconds of asking for one in the line."""
    owners = list(QueueEntry.objects.values_list("owner", flat=True))
    took = []
    for owner in chance.sample(owners, count):
        began = time.perf_counter()
        estimates.estimate("", "", now=timezone.now(), owner=owner)
        took.append((time.perf_counter() - began) * 1000)
    if len(owners) != size:
        raise RuntimeError(f"{len(owners)} wait instead of {size}")
    return took


def judge() -> float:
    """Seconds of computing every queue's errors and its correction."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(
            """
            INSERT INTO telephony_prediction (owner, queue, made_at, hour, ahead, agents, plain_ewt, plain_p90,
                earliest, ewt, p90, outcome, settled_at, waited)
            SELECT 'bench-' || n, 'queue' || mod(n, %(queues)s), at, 0, 3, 20, 120, 300, 20, 120, 300, 'served', at,
                random() * 240
            FROM generate_series(1, %(number)s) AS n,
                LATERAL (SELECT now() - n * interval '14 days' / %(number)s AS at) AS moment
            """,
            {"queues": QUEUES, "number": JUDGED},
        )
        cursor.execute("VACUUM ANALYZE telephony_prediction")
        cursor.execute("RESET statement_timeout")
    took = []
    for _ in range(3):
        began = time.perf_counter()
        predictions.judge(timezone.now())
        took.append(time.perf_counter() - began)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE telephony_prediction, telephony_queueaccuracy, telephony_queuemeasure")
    return statistics.median(took)
