"""Callbacks completed per second on the simulator, and what one costs the database."""

from __future__ import annotations

import time
from collections import Counter

from django.db import connection
from django.utils import timezone

from callbacks import actions
from callbacks.models import Callback
from tests.bench import site
from tests.bench.world import Centre

CALLBACKS = 300
AGENTS = 60
NUMBER = "916504661232"


def measure() -> list[tuple[str, str]]:
    """All requests are there at once; the clock runs until the last of them is over."""
    centre = Centre(phones=AGENTS)
    with site.backstage():
        site.wait_until_listened_to()
        warm_up(centre)
        reset_counters()
        commits = committed()
        began = time.monotonic()
        for _ in range(CALLBACKS):
            start(centre)
        wait_until_over(CALLBACKS + 1)
        seconds = time.monotonic() - began
        product, simulator = statements()
        commits = committed() - commits
    reasons = Counter(Callback.objects.values_list("reason", flat=True))
    if set(reasons) != {"AGENT_CONNECTED"}:
        raise RuntimeError(f"not all were connected: {reasons}")
    return [
        (
            f"callbacks completed per second, {CALLBACKS} of them, {AGENTS} agents (aim >= 30)",
            f"{CALLBACKS / seconds:.1f}",
        ),
        ("statements per callback (aim <= 120)", f"{product / CALLBACKS:.1f}"),
        ("of the simulator beside it, instead of a switch's own work", f"{simulator / CALLBACKS:.1f}"),
        ("commits per callback", f"{commits / CALLBACKS:.1f}"),
    ]


def start(centre: Centre) -> None:
    actions.start(
        service=centre.service,
        parameters={"_customer_number": NUMBER},
        desired_at=None,
        actor="bench",
        now=timezone.now(),
    )


def warm_up(centre: Centre) -> None:
    start(centre)
    wait_until_over(1)


def wait_until_over(callbacks: int) -> None:
    until = time.monotonic() + 180
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT /* bench */ (SELECT count(*) FROM callbacks_callback WHERE stage = 'ended'),
                    (SELECT count(*) FROM telephony_leg WHERE state <> 'ended')
                """
            )
            ended, legs = cursor.fetchone()
        if (ended, legs) == (callbacks, 0):
            return
        if time.monotonic() > until:
            raise RuntimeError(f"only {ended} of {callbacks} are over: {stages()}")
        time.sleep(0.25)


def stages() -> Counter[str]:
    return Counter(Callback.objects.values_list("stage", flat=True))


def reset_counters() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_statements_reset()")


def committed() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def statements() -> tuple[int, int]:
    """Statements since the reset: the product's, and the simulator's own.

    BEGIN and COMMIT are the commits' figure; what PostgreSQL asks itself to check foreign keys (FROM ONLY) and what
    this measurement asks (bench) is not ours.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT sum(calls) FILTER (WHERE query !~* 'simulated'), sum(calls) FILTER (WHERE query ~* 'simulated')
            FROM pg_stat_statements WHERE toplevel AND query !~* '^(BEGIN|COMMIT|SET|SHOW)|FROM ONLY|/. bench'
            """
        )
        product, simulator = cursor.fetchone()
    return int(product), int(simulator)
