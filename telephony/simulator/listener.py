"""The simulator's event stream: what is due is yielded, and forgotten only when the consumer has written it."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator

from django.db import Error, close_old_connections, connection
from django.utils import timezone
from pydantic import TypeAdapter

from telephony import switch
from telephony.simulator.engine import SimulatorSwitch, fields_of, speed
from telephony.simulator.people import ended
from telephony.switch import EndCause, Ended, Snapshot, SwitchEvent, Unavailable

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.02
BATCH = 50
SNAPSHOT_SECONDS = 30.0
RECONNECT_SECONDS = 0.25
# Somebody who was left alone in a conversation hangs up after that long.
LEFT_ALONE_SECONDS = 1.0

EVENTS: dict[str, TypeAdapter[SwitchEvent]] = {
    event.__name__: TypeAdapter(event)
    for event in (
        switch.Created,
        switch.Dialling,
        switch.Ringing,
        switch.Answered,
        switch.Progress,
        switch.SoundsFinished,
        switch.EnteredBridge,
        switch.LeftBridge,
        switch.Arrived,
        switch.Digit,
        switch.Ended,
    )
}

DUE = """
SELECT id, leg, kind, data FROM telephony_simulatedhappening
WHERE switch_id = %(switch)s AND at <= statement_timestamp()
ORDER BY at, id LIMIT %(limit)s
"""

DELIVERED = "DELETE FROM telephony_simulatedhappening WHERE id = ANY(%(ids)s)"

BURY = """
WITH dead AS (
    DELETE FROM telephony_simulatedleg WHERE id = ANY(%(legs)s) RETURNING id, bridge
), future AS (
    DELETE FROM telephony_simulatedhappening WHERE leg IN (SELECT id FROM dead)
)
INSERT INTO telephony_simulatedhappening (switch_id, leg, at, kind, data)
SELECT DISTINCT alone.switch_id, alone.id, statement_timestamp() + make_interval(secs => %(left_alone)s), 'Ended',
    %(hangup)s
FROM telephony_simulatedleg AS alone JOIN dead ON dead.bridge = alone.bridge
WHERE alone.bridge <> '' AND alone.switch_id = %(switch)s AND NOT alone.deleted AND alone.id <> ALL(%(legs)s)
"""


class SimulatorListener:
    """Yields batches of due events, each followed by None, and deletes a batch when asked for what follows that None.

    So a consumer that writes what it has at every None loses nothing when it is killed, and sees at most one batch
    again.
    """

    # Events stay here until they are taken back for: a consumer that cannot write simply does not ask for more.
    keeps_events = True

    def __init__(self, row: int) -> None:
        self._switch = row
        self._closed = threading.Event()
        self._connected = False

    @property
    def connected(self) -> bool:
        return self._connected

    def close(self) -> None:
        self._closed.set()
        self._connected = False

    def events(self) -> Iterator[SwitchEvent | None]:
        snapshot_due = 0.0
        while not self._closed.is_set():
            try:
                if not self._connected or time.monotonic() >= snapshot_due:
                    snapshot = self._snapshot()
                    snapshot_due = time.monotonic() + SNAPSHOT_SECONDS
                    self._connected = True
                    yield snapshot
                ids, batch = self._due()
            except (Error, Unavailable):
                yield from self._lost()
                continue
            yield from batch
            yield None
            if ids and not self._closed.is_set():
                try:
                    self._forget(ids, batch)
                except Error:
                    yield from self._lost()
            self._closed.wait(POLL_SECONDS)

    def _lost(self) -> Iterator[None]:
        if self._connected:
            logger.warning("the simulator's database does not answer")
        self._connected = False
        close_old_connections()
        yield None
        self._closed.wait(RECONNECT_SECONDS)

    def _snapshot(self) -> Snapshot:
        taken_at = timezone.now()
        return Snapshot(SimulatorSwitch(self._switch).list_legs(), taken_at)

    def _due(self) -> tuple[list[int], list[SwitchEvent]]:
        """The next batch; nothing follows the end of a leg, whatever a late verb has still planned for it."""
        with connection.cursor() as cursor:
            cursor.execute(DUE, {"switch": self._switch, "limit": BATCH})
            rows = cursor.fetchall()
        batch: list[SwitchEvent] = []
        over: set[str] = set()
        for _, leg, kind, data in rows:
            if leg in over:
                continue
            batch.append(EVENTS[kind].validate_python({"leg": leg, **json.loads(data)}))
            if kind == "Ended":
                over.add(leg)
        return [row[0] for row in rows], batch

    def _forget(self, ids: list[int], batch: list[SwitchEvent]) -> None:
        """Ended legs first: were the ends forgotten and the legs left, nobody would ever hear of them again."""
        dead = [event.leg for event in batch if isinstance(event, Ended)]
        with connection.cursor() as cursor:
            if dead:
                cursor.execute(
                    BURY,
                    {
                        "switch": self._switch,
                        "legs": dead,
                        "left_alone": LEFT_ALONE_SECONDS / speed(),
                        "hangup": fields_of(ended("", EndCause.HANGUP)),
                    },
                )
            cursor.execute(DELIVERED, {"ids": ids})
