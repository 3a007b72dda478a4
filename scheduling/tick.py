"""The tick: each second, whatever is due in the database is set going.

Higher floors register *sources*: functions that find what is due by now, set it going in small batches, and return how
much they found. `every_second` belongs to what a customer notices, `slow` to batches that nobody waits for, `repeated`
to those of them that go on, 200 ms at a time, while they find something, `live` to what keeps customers on the line
served while the broker is away.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction

logger = logging.getLogger(__name__)

Source = Callable[[datetime], int]

# The advisory lock of the running tick: two Beats do no harm. Any constant; this one says "tick".
LOCK = 0x7469636B
# A worker that freezes during a tick must not stop the clock: the server ends its session, and with it the lock.
MOST_IDLE = "10s"


@dataclass
class Sources:
    every_second: list[Source] = field(default_factory=list)
    slow: list[Source] = field(default_factory=list)
    repeated: list[Source] = field(default_factory=list)
    live: list[Source] = field(default_factory=list)


_sources = Sources()


def register(sources: Sources) -> None:
    """Add a floor's sources; called once a floor, when the app registry is ready."""
    _sources.every_second += sources.every_second
    _sources.slow += sources.slow
    _sources.repeated += sources.repeated
    _sources.live += sources.live


def tick(now: datetime) -> bool:
    """Run every source once. Returns False when another tick was running and nothing was done."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return False
        try:
            cursor.execute("SELECT set_config('idle_session_timeout', %s, false)", [MOST_IDLE])
            _run(_sources.every_second, now)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s), set_config('idle_session_timeout', '0', false)", [LOCK])
    return True


def sweep(now: datetime, *, again: bool = False) -> bool:
    """Run the slow sources once each; `again`: only those to be repeated. Returns True when these found something."""
    if not again:
        _run(_sources.slow, now)
    return bool(_run(_sources.repeated, now))


def sweep_live(now: datetime) -> None:
    """What the tick does, for owners with a live leg only; run by the telephony process while the broker is away."""
    _run(_sources.live, now)


def _run(sources: list[Source], now: datetime) -> int:
    """How much they found. One failing source must not stop the others: a timer does not wait for a broken sweep."""
    found = 0
    for source in sources:
        try:
            found += source(now)
        except Exception:
            if transaction.get_connection().in_atomic_block:
                raise
            logger.exception("source %s failed", getattr(source, "__name__", source))
    return found
