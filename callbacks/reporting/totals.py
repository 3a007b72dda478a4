"""Adding to the totals of reports: everything of a batch in one statement for each table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date

from django.db import connection

from callbacks.reporting.counting import What
from callbacks.reporting.models import Span
from callbacks.reporting.story import Handling

Days = Iterable[tuple[Span, date]]

# Sorted, so that whoever else should ever write totals meets these rows in the same order.
_ADD = """
INSERT INTO callbacks_reporttotal AS total (span, starts, what, service, key, n, seconds)
SELECT * FROM unnest(%s::text[], %s::date[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::float8[])
    AS new (span, starts, what, service, key, n, seconds)
ORDER BY span, starts, what, service, key
ON CONFLICT (span, starts, what, service, key)
    DO UPDATE SET n = total.n + excluded.n, seconds = total.seconds + excluded.seconds
"""
_ADD_HANDLING = """
INSERT INTO callbacks_agenttotal AS total (span, starts, agent, service,
    offered, connected, unanswered, lost, rejected, disposed, ring_seconds, talk_seconds)
SELECT * FROM unnest(%s::text[], %s::date[], %s::text[], %s::text[],
    %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::float8[], %s::float8[])
    AS new (span, starts, agent, service,
        offered, connected, unanswered, lost, rejected, disposed, ring_seconds, talk_seconds)
ORDER BY span, starts, agent, service
ON CONFLICT (span, starts, agent, service) DO UPDATE SET
    offered = total.offered + excluded.offered, connected = total.connected + excluded.connected,
    unanswered = total.unanswered + excluded.unanswered, lost = total.lost + excluded.lost,
    rejected = total.rejected + excluded.rejected, disposed = total.disposed + excluded.disposed,
    ring_seconds = total.ring_seconds + excluded.ring_seconds,
    talk_seconds = total.talk_seconds + excluded.talk_seconds
"""


class Totals:
    """What a batch adds; `store` writes it, in the caller's transaction."""

    def __init__(self) -> None:
        self._counted: dict[tuple[Span, date, What, str, str], tuple[int, float]] = {}
        self._handled: dict[tuple[Span, date, str, str], Handling] = defaultdict(Handling)

    def add(self, days: Days, what: What, service: str, key: str, *, n: int = 1, seconds: float = 0.0) -> None:
        for span, starts in days:
            counted, measured = self._counted.get((span, starts, what, service, key), (0, 0.0))
            self._counted[span, starts, what, service, key] = (counted + n, measured + seconds)

    def add_handling(self, days: Days, service: str, agents: Mapping[str, Handling]) -> None:
        for agent, handling in agents.items():
            for span, starts in days:
                total = self._handled[span, starts, agent, service]
                for name, value in vars(handling).items():
                    setattr(total, name, getattr(total, name) + value)

    def store(self) -> None:
        with connection.cursor() as cursor:
            if self._counted:
                rows = [(*key, n, seconds) for key, (n, seconds) in self._counted.items()]
                cursor.execute(_ADD, [list(column) for column in zip(*rows, strict=True)])
            if self._handled:
                handled = [(*key, *vars(handling).values()) for key, handling in self._handled.items()]
                cursor.execute(_ADD_HANDLING, [list(column) for column in zip(*handled, strict=True)])
