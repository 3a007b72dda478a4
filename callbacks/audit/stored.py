"""What the database holds of callbacks and of what belongs to them, read in one consistent view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from callbacks.flow.states import State
from callbacks.models import Attempt, Callback, Pending
from scheduling.models import Booking, Timer
from telephony.calls import owner_of
from telephony.events import Party
from telephony.models import Agent, Call, Leg, QueueEntry
from telephony.switch import LegSeen

UNDER_WAY = [state for state in State if state not in {State.SCHEDULED, State.COMPLETED}]
# A step of the search through the completed ones; each stays well below a second.
COMPLETED_BATCH = 5_000

# Whatever is alive is found by the small tables that hold only what is alive, and by its state. Of the scheduled ones,
# which may be many and only wait for their time, those are left out that do so as they should: found by the scan, or,
# scheduled by an older release, by a timer.
OWNERS = """
SELECT id FROM callbacks_callback WHERE state = ANY(%(alive)s)
UNION SELECT callback.id
FROM callbacks_callback AS callback
LEFT JOIN scheduling_timer AS timer ON timer.owner = callback.id AND timer.name = 'stage'
LEFT JOIN LATERAL (
    SELECT state, stage FROM callbacks_journalentry WHERE callback_id = callback.id ORDER BY id DESC LIMIT 1
) AS entry ON true
WHERE callback.state = 'SCHEDULED' AND (
    %(thorough)s OR callback.expires_at <= %(now)s
    OR callback.session ->> 'stage' IS DISTINCT FROM 'scheduled'
    OR (callback.stage, entry.state, entry.stage) IS DISTINCT FROM ('scheduled', 'SCHEDULED', 'scheduled')
    OR (callback.session ->> 'slot' IS NOT NULL
        AND NOT EXISTS (SELECT FROM scheduling_booking WHERE owner = callback.id))
    OR CASE WHEN callback.session ->> 'deadline' IS NULL
        THEN callback.start_base IS NULL OR callback.start_base <= %(now)s OR timer.owner IS NOT NULL
        ELSE timer.due_at IS NULL OR timer.due_at <= %(now)s
            OR timer.data ->> 'visit' IS DISTINCT FROM callback.session ->> 'visit'
            OR timer.due_at IS DISTINCT FROM CASE
                WHEN pg_input_is_valid(callback.session ->> 'deadline', 'timestamptz')
                THEN (callback.session ->> 'deadline')::timestamptz END
        END
)
UNION SELECT owner FROM scheduling_booking AS booking WHERE %(thorough)s AND NOT EXISTS (
    SELECT FROM callbacks_callback WHERE id = booking.owner)
UNION SELECT callback_id FROM callbacks_pending
UNION SELECT owner FROM scheduling_timer AS timer WHERE NOT EXISTS (
    SELECT FROM callbacks_callback WHERE id = timer.owner AND state = 'SCHEDULED' AND timer.name = 'stage')
UNION SELECT owner FROM telephony_call
UNION SELECT owner FROM telephony_queueentry
UNION SELECT reserved_for FROM telephony_agent WHERE reserved_for IS NOT NULL
UNION SELECT owner FROM callbacks_auditfinding WHERE gone_at IS NULL
"""

# The journal of each callback in one row: how it ends, which moves it says, which attempts rang.
# What the auditor wrote itself tells where the callback was found, not how it came there.
JOURNALS = """
SELECT callback_id,
    (array_agg(state ORDER BY id DESC))[1],
    (array_agg(stage ORDER BY id DESC))[1],
    max(at),
    array_agg(DISTINCT before || ' ' || state) FILTER (WHERE before <> state AND kind <> 'repaired'),
    array_agg(data ->> 'attempt') FILTER (WHERE kind = 'ringing')
FROM (
    SELECT callback_id, id, at, kind, state, stage, data,
        lag(state, 1, 'SCHEDULED') OVER (PARTITION BY callback_id ORDER BY id) AS before
    FROM callbacks_journalentry WHERE callback_id = ANY(%(owners)s)
) AS entry
GROUP BY callback_id
"""

# Completed ones that `checks` may have something against: everything that it could find in a record that is over.
# A number that cannot be read counts as none.
SUSPECTS = r"""
WITH late AS MATERIALIZED (
    SELECT id, state, stage, reason, session ->> 'stage' AS session_stage, session ->> 'reason' AS session_reason,
        coalesce(substring(options ->> 'max_dial_attempts' from '^\d{{1,9}}$')::int, 0) AS most,
        coalesce(substring(session ->> 'attempt' from '^\d{{1,9}}$')::int, 0) AS tried_customer,
        coalesce(substring(session ->> 'agent_attempt' from '^\d{{1,9}}$')::int, 0) AS tried_agent
    FROM callbacks_callback WHERE completed_at IS NOT NULL AND {which}
), entry AS (
    SELECT callback_id, id, kind, state, stage, data ->> 'attempt' AS attempt,
        lag(state, 1, 'SCHEDULED') OVER (PARTITION BY callback_id ORDER BY id) AS before,
        lead(id) OVER (PARTITION BY callback_id ORDER BY id) IS NULL AS last
    FROM callbacks_journalentry WHERE callback_id IN (SELECT id FROM late)
), tried AS (
    SELECT callback_id, party, number, dialled_at, result, began_at, ended_at,
        lead(began_at) OVER (PARTITION BY callback_id, party ORDER BY number) AS next_began_at
    FROM callbacks_attempt WHERE callback_id IN (SELECT id FROM late)
)
SELECT late.id FROM late LEFT JOIN entry AS last_entry ON last_entry.callback_id = late.id AND last_entry.last
WHERE late.state <> 'COMPLETED' OR late.stage <> 'ended' OR session_stage IS DISTINCT FROM late.stage
    OR session_reason IS DISTINCT FROM late.reason
    OR (last_entry.state, last_entry.stage) IS DISTINCT FROM (late.state, late.stage)
UNION SELECT callback_id FROM entry
WHERE before <> state AND kind <> 'repaired' AND before || ' ' || state <> ALL(%(moves)s)
UNION SELECT callback_id FROM entry WHERE kind = 'ringing' GROUP BY callback_id, attempt HAVING count(*) > 1
UNION SELECT callback_id FROM entry WHERE kind = 'ringing' AND NOT EXISTS (
    SELECT FROM tried WHERE callback_id = entry.callback_id AND party = 'customer' AND number::text = attempt
    AND dialled_at IS NOT NULL)
UNION SELECT late.id FROM late JOIN scheduling_booking AS booking ON booking.owner = late.id WHERE tried_customer = 0
UNION SELECT callback_id FROM tried WHERE next_began_at < coalesce(ended_at, 'infinity')
UNION SELECT callback_id FROM tried JOIN late ON late.id = callback_id
WHERE number > CASE WHEN party = 'customer' THEN tried_customer ELSE tried_agent END
UNION SELECT callback_id FROM tried JOIN late ON late.id = callback_id
WHERE party = 'customer' AND dialled_at IS NOT NULL AND result <> 'CREATE_CALL_ERROR'
GROUP BY callback_id, most HAVING count(*) > most
"""
SINCE = "completed_at > %(since)s"
BATCH = "id > %(after)s AND id <= %(last)s"


@dataclass(frozen=True)
class Journal:
    """A callback's timeline in short: its last state, stage and moment, its moves, and the attempts that rang."""

    state: str
    stage: str
    at: datetime
    moves: tuple[tuple[str, str], ...]
    rang: tuple[int, ...]


class Listing:
    """What the switches that somebody listens to now said of their legs."""

    def __init__(self, taken_at: datetime, switches: Mapping[int, Iterable[LegSeen]]) -> None:
        self.taken_at = taken_at
        self.switches = frozenset(switches)
        self.ids: set[str] = set()
        self._by_owner: dict[str, list[tuple[int, LegSeen]]] = {}
        for switch, legs in switches.items():
            for leg in legs:
                self.ids.add(leg.id)
                if owner := owner_of(leg.id):
                    self._by_owner.setdefault(owner, []).append((switch, leg))

    def owners(self) -> set[str]:
        return set(self._by_owner)

    def of(self, owner: str) -> list[tuple[int, LegSeen]]:
        """The owner's legs, each with its switch."""
        return self._by_owner.get(owner, [])


@dataclass
class Stored:
    """Everything of one owner. `callback` is None where none of that id exists."""

    owner: str
    callback: Callback | None = None
    timers: dict[str, Timer] = field(default_factory=dict)
    call: Call | None = None
    legs: list[Leg] = field(default_factory=list)
    entry: QueueEntry | None = None
    agent: Agent | None = None
    booking: Booking | None = None
    attempts: list[Attempt] = field(default_factory=list)
    journal: Journal | None = None
    pending: list[Pending] = field(default_factory=list)

    @property
    def live_legs(self) -> list[Leg]:
        return [leg for leg in self.legs if leg.alive]

    @property
    def joined(self) -> bool:
        """Whether two people hear each other."""
        return len({leg.party for leg in self.live_legs if leg.bridge}) == len(Party)


def in_one_view() -> None:
    """Let the caller's transaction, just begun, see one moment of the database in all its statements."""
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def owners(*, thorough: bool, now: datetime) -> set[str]:
    """All that is under way, or has left something in a table for that, or was found wrong before; and the scheduled
    ones that do not look right, or with `thorough` all of them."""
    with connection.cursor() as cursor:
        cursor.execute(OWNERS, {"alive": UNDER_WAY, "thorough": thorough, "now": now})
        return {owner for (owner,) in cursor.fetchall()}


def suspects_since(since: datetime, moves: Sequence[str]) -> set[str]:
    """Callbacks completed since a moment whose record does not look right."""
    with connection.cursor() as cursor:
        cursor.execute(SUSPECTS.format(which=SINCE), {"since": since, "moves": list(moves)})
        return {owner for (owner,) in cursor.fetchall()}


def suspects_behind(after: str, moves: Sequence[str]) -> tuple[set[str], str]:
    """The same among the next stored callbacks behind an id, and the id behind which to go on: empty at the end."""
    ids = Callback.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)
    step = list(ids[:COMPLETED_BATCH])
    if not step:
        return set(), ""
    with connection.cursor() as cursor:
        cursor.execute(SUSPECTS.format(which=BATCH), {"after": after, "last": step[-1], "moves": list(moves)})
        return {owner for (owner,) in cursor.fetchall()}, step[-1]


def read(ids: Iterable[str]) -> dict[str, Stored]:
    """Read these owners; the pending events last.

    So also a reader who only holds a callback's lock misses nothing that turns into an event meanwhile: a timer that
    fires, an agent who is reserved, a leg that is sent.
    """
    ids = list(ids)
    found = {owner: Stored(owner) for owner in ids}
    for timer in Timer.objects.filter(owner__in=ids):
        found[timer.owner].timers[timer.name] = timer
    for entry in QueueEntry.objects.filter(owner__in=ids):
        found[entry.owner].entry = entry
    for booking in Booking.objects.filter(owner__in=ids):
        found[booking.owner].booking = booking
    for agent in Agent.objects.filter(reserved_for__in=ids):
        found[agent.reserved_for or ""].agent = agent
    for call in Call.objects.filter(owner__in=ids):
        found[call.owner].call = call
    for leg in Leg.objects.filter(call__in=ids).order_by("created_at", "pk"):
        found[leg.call_id].legs.append(leg)
    for callback in Callback.objects.filter(pk__in=ids).defer("user_data", "properties", "overrides"):
        found[callback.pk].callback = callback
    for attempt in Attempt.objects.filter(callback__in=ids).order_by("party", "number"):
        found[attempt.callback_id].attempts.append(attempt)
    for owner, journal in _journals(ids):
        found[owner].journal = journal
    for pending in Pending.objects.filter(callback__in=ids).order_by("pk"):
        found[pending.callback_id].pending.append(pending)
    return found


def _journals(ids: list[str]) -> list[tuple[str, Journal]]:
    with connection.cursor() as cursor:
        cursor.execute(JOURNALS, {"owners": ids})
        rows = cursor.fetchall()
    return [
        (
            owner,
            Journal(
                state=state,
                stage=stage,
                at=at,
                moves=tuple((move.split()[0], move.split()[1]) for move in moves or ()),
                rang=tuple(int(number) for number in rang or () if number and number.isdecimal()),
            ),
        )
        for owner, state, stage, at, moves, rang in rows
    ]
