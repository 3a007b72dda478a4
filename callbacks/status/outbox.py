"""Storing what is to be told, with the decision that leads to it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.db import connection

from callbacks.flow.options import FlowOptions
from callbacks.flow.session import Session
from callbacks.models import Callback
from callbacks.status import configuration, events
from callbacks.status.events import Facts
from scheduling.kick import kick

if TYPE_CHECKING:
    from callbacks.records import Turns

DELIVER = "callbacks.tasks.deliver_status"
# From the event to the last attempt.
PATIENCE = timedelta(hours=24)


def write(callback: Callback, before: Session | None, turns: Turns, options: FlowOptions | None, now: datetime) -> None:
    """Store what the decisions tell, in their transaction: one statement where there is anything to tell, else none.

    Of one callback they are sent in the order of their ids: nobody else inserts any while the callback is locked. One
    behind another that is put off is due no earlier than that one.
    """
    reports = options.reports if options else configuration.of_unresolved(callback)
    if reports is None or not turns.path:
        return
    keys = {**callback.overrides, **callback.properties, **callback.user_data}
    facts = Facts(callback.pk, callback.service_name, keys)
    told = [
        (event.value, events.body(event, session, options, reports, facts, turns.attempts, now))
        for event, session in events.told(before, turns.path, options, reports)
    ]
    if not told:
        return
    receiver = receiver_of(reports.target)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO callbacks_statusnotice (
                callback, service_name, event, receiver, target, body, state, made_at, give_up_at, most_attempts,
                attempt, due_at, reason, resent_by
            )
            SELECT %s, %s, told.event, %s, %s, told.body, 'pending', %s, %s, %s, 0,
                   greatest(%s, (SELECT max(due_at) FROM callbacks_statusnotice
                                 WHERE callback = %s AND state = 'pending')),
                   '', ''
            FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS told (event, body, number)
            ORDER BY told.number
            """,
            [
                callback.pk,
                callback.service_name,
                receiver,
                reports.target,
                now,
                now + PATIENCE,
                reports.attempts,
                now,
                callback.pk,
                [event for event, _ in told],
                [body for _, body in told],
            ],
        )
    kick(DELIVER, receiver)


def receiver_of(target: str) -> str:
    """Scheme, host and port of a web address: what is up or down as a whole."""
    address = urlsplit(target)
    port = address.port or {"https": 443}.get(address.scheme, 80)
    return f"{address.scheme}://{(address.hostname or '')[:255]}:{port}"
