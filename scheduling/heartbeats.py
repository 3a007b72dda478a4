"""Signs of life of the processes that nobody talks to: Beat and the workers. Telephony has its lease instead.

Each process writes its rows every few seconds, by the database's clock, so that hosts need not agree on the time.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, DurationField, ExpressionWrapper, Max, Q
from django.db.models.functions import Now

from scheduling.models import Heartbeat

logger = logging.getLogger(__name__)

BEAT = "beat"
EVERY_SECONDS = 5.0
# Three beats may be missed, for example while a machine swaps.
LOST_AFTER = timedelta(seconds=15)
# A process that died is remembered that long, so that one can see since when it is gone.
FORGOTTEN_AFTER = timedelta(days=1)


@dataclass(frozen=True)
class Pulse:
    """The processes of one name: how many are alive, when one was last heard of, and how long ago that is."""

    alive: int
    at: datetime
    age: timedelta


def of_queue(queue: str) -> str:
    """The name under which the workers of a queue are known."""
    return f"workers/{queue}"


def beat(*names: str) -> None:
    """Write that this process is alive, under each of the names."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO scheduling_heartbeat (name, process, at)
            SELECT name, %s, statement_timestamp() FROM unnest(%s::text[]) AS name
            ON CONFLICT (name, process) DO UPDATE SET at = excluded.at
            """,
            [_process(), sorted(names)],
        )


def stop(*names: str) -> None:
    """Leave in peace: a process that was told to stop is not missed."""
    Heartbeat.objects.filter(process=_process(), name__in=names).delete()


def pulses() -> dict[str, Pulse]:
    """Every name that was heard of within a day."""
    rows = Heartbeat.objects.values("name").annotate(
        alive=Count("process", filter=Q(at__gt=Now() - LOST_AFTER)),
        last=Max("at"),
        age=ExpressionWrapper(Now() - Max("at"), output_field=DurationField()),
    )
    return {row["name"]: Pulse(row["alive"], row["last"], row["age"]) for row in rows}


def forget_lost(now: datetime) -> int:
    """Drop processes that died long ago."""
    return Heartbeat.objects.filter(at__lt=Now() - FORGOTTEN_AFTER).delete()[0]


class Heart(threading.Thread):
    """Beats under the given names until it is stopped, whatever becomes of the database meanwhile."""

    def __init__(self, *names: str) -> None:
        super().__init__(name="heart", daemon=True)
        self._names = names
        self._ending = threading.Event()

    def run(self) -> None:
        failing = False
        while not self._ending.is_set():
            try:
                beat(*self._names)
                failing = False
            except Exception as error:  # noqa: BLE001 (whatever it is, the next beat may work)
                if not failing:
                    logger.warning("the heartbeat cannot be written: %s", error)
                failing = True
            # Kept open it would hold a connection of the database for one statement in five seconds.
            connection.close()
            self._ending.wait(EVERY_SECONDS)

    def end(self) -> None:
        """Stop, and take the rows back if the database lets us."""
        self._ending.set()
        self.join(1.0)
        try:
            stop(*self._names)
        except Exception as error:  # noqa: BLE001 (the process ends all the same)
            logger.warning("the heartbeat cannot be taken back: %s", error)


def _process() -> str:
    return f"{socket.gethostname()[:50]}:{os.getpid()}"
