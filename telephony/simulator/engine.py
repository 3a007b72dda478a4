"""The simulator's verbs. Each is one statement that guards the leg's row and changes its planned future with it.

So verbs of different workers and the listener never leave a future half changed, and a call costs few round trips.
Every statement takes the leg's row before its happenings, so that they do not deadlock.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.db.models.functions import Now

from telephony.simulator import people
from telephony.simulator.models import SimulatedLeg
from telephony.switch import (
    EndCause,
    LegRequest,
    LegSeen,
    Rejected,
    Sounds,
    SoundsFinished,
    SwitchEvent,
    Unavailable,
    Verdict,
)

# How long one file of a list sounds, in seconds at speed 1, whatever it is.
FILE_SECONDS = 2.0

CREATE = """
WITH leg AS (
    INSERT INTO telephony_simulatedleg (id, switch_id, endpoint, detect, created_at)
    VALUES (%(leg)s, %(switch)s, %(endpoint)s, %(detect)s, statement_timestamp())
    ON CONFLICT (id) DO NOTHING RETURNING id
)
INSERT INTO telephony_simulatedhappening (switch_id, leg, at, kind, data)
SELECT %(switch)s, id, statement_timestamp(), 'Created', '{}' FROM leg
"""

DIAL = """
WITH leg AS (
    UPDATE telephony_simulatedleg
    SET dialled_at = statement_timestamp(),
        rings_at = statement_timestamp() + make_interval(secs => %(rings)s),
        answers_at = statement_timestamp() + make_interval(secs => %(answers)s),
        beep_at = statement_timestamp() + make_interval(secs => %(beep)s),
        talk_seconds = %(talk_seconds)s
    WHERE id = %(leg)s AND switch_id = %(switch)s AND dialled_at IS NULL AND NOT deleted
    RETURNING id
)
INSERT INTO telephony_simulatedhappening (switch_id, leg, at, kind, data)
SELECT %(switch)s, leg.id, statement_timestamp() + make_interval(secs => delay), kind, data
FROM leg, unnest(%(delays)s::float8[], %(kinds)s::text[], %(data)s::text[]) AS planned (delay, kind, data)
"""

DELETE = """
WITH leg AS (
    UPDATE telephony_simulatedleg SET deleted = true
    WHERE id = %(leg)s AND switch_id = %(switch)s AND NOT deleted
    RETURNING id, coalesce(answers_at <= statement_timestamp(), false) AS answered
), cancelled AS (
    DELETE FROM telephony_simulatedhappening
    WHERE leg IN (SELECT id FROM leg) AND at > statement_timestamp()
)
INSERT INTO telephony_simulatedhappening (switch_id, leg, at, kind, data)
SELECT %(switch)s, id, statement_timestamp(), 'Ended', CASE WHEN answered THEN %(hangup)s ELSE %(cancelled)s END
FROM leg
"""

PLAY = """
WITH leg AS (
    UPDATE telephony_simulatedleg SET sounds = %(number)s
    WHERE id = %(leg)s AND switch_id = %(switch)s AND NOT deleted
        AND answers_at <= statement_timestamp() AND sounds < %(number)s
    RETURNING id, beep_at
), replaced AS (
    DELETE FROM telephony_simulatedhappening
    WHERE leg IN (SELECT id FROM leg) AND kind = 'SoundsFinished' AND at > statement_timestamp()
), planned AS (
    INSERT INTO telephony_simulatedhappening (switch_id, leg, at, kind, data)
    SELECT %(switch)s, id,
        greatest(statement_timestamp(), CASE WHEN %(after_beep)s THEN beep_at END) + make_interval(secs => %(lasts)s),
        'SoundsFinished', %(data)s
    FROM leg WHERE NOT %(loop)s
)
SELECT count(*) FROM leg
"""

STOP = """
WITH leg AS (
    SELECT id FROM telephony_simulatedleg
    WHERE id = %(leg)s AND switch_id = %(switch)s AND sounds = %(number)s
    FOR UPDATE
)
DELETE FROM telephony_simulatedhappening
WHERE leg IN (SELECT id FROM leg) AND kind = 'SoundsFinished' AND at > statement_timestamp()
"""

# A conversation replaces whatever the person would have done while waiting; it begins anew with every entry.
JOIN = """
WITH entered AS (
    UPDATE telephony_simulatedleg SET bridge = %(bridge)s
    WHERE id = ANY(%(legs)s) AND switch_id = %(switch)s AND NOT deleted
        AND answers_at <= statement_timestamp() AND bridge <> %(bridge)s
    RETURNING id, talk_seconds
), stays AS (
    DELETE FROM telephony_simulatedhappening
    WHERE leg IN (SELECT id FROM entered) AND kind = 'Ended' AND at > statement_timestamp()
), planned AS (
    INSERT INTO telephony_simulatedhappening (switch_id, leg, at, kind, data)
    SELECT %(switch)s, id, statement_timestamp(), 'EnteredBridge', %(data)s FROM entered
    UNION ALL
    SELECT %(switch)s, id, statement_timestamp() + make_interval(secs => talk_seconds / %(speed)s), 'Ended', %(hangup)s
    FROM entered WHERE talk_seconds IS NOT NULL
)
SELECT count(*) FROM telephony_simulatedleg
WHERE id = ANY(%(legs)s) AND switch_id = %(switch)s AND NOT deleted AND answers_at <= statement_timestamp()
"""

LEAVE = """
WITH present AS (
    SELECT id FROM telephony_simulatedleg
    WHERE switch_id = %(switch)s AND bridge = %(bridge)s AND NOT deleted AND (%(leg)s = '' OR id = %(leg)s)
    ORDER BY id FOR UPDATE
), gone AS (
    UPDATE telephony_simulatedleg SET bridge = '' WHERE id IN (SELECT id FROM present) RETURNING id
), waits AS (
    DELETE FROM telephony_simulatedhappening
    WHERE leg IN (SELECT id FROM gone) AND kind = 'Ended' AND at > statement_timestamp()
)
INSERT INTO telephony_simulatedhappening (switch_id, leg, at, kind, data)
SELECT %(switch)s, id, statement_timestamp(), 'LeftBridge', %(data)s FROM gone
"""


def speed() -> float:
    """How many times faster than life everything happens."""
    return float(settings.SIMULATOR_SPEED)


def fields_of(event: SwitchEvent) -> str:
    """The fields of an event beside its leg, as they are stored."""
    return json.dumps({name: value for name, value in asdict(event).items() if name != "leg"})


class SimulatorSwitch:
    """The verbs of one simulated switch. A database that cannot answer is a switch that is unavailable."""

    verdicts = frozenset(Verdict)

    def __init__(self, switch: int) -> None:
        self.switch = switch

    def create_leg(self, request: LegRequest) -> None:
        people.who(request.endpoint, request.id)
        self._run(CREATE, {"leg": request.id, "endpoint": request.endpoint, "detect": request.detect})

    def dial_leg(self, leg: str, *, timeout: int) -> None:
        row = self._find(leg)
        if row is None:
            raise Rejected("no such leg")
        plan = people.plan(people.who(row.endpoint, leg), leg=leg, detect=row.detect, timeout=timeout)
        times = {"rings": plan.rings, "answers": plan.answers, "beep": plan.beep}
        self._run(
            DIAL,
            {name: None if seconds is None else seconds / speed() for name, seconds in times.items()}
            | {
                "leg": leg,
                "talk_seconds": plan.talk_seconds,
                "delays": [seconds / speed() for seconds, _ in plan.happenings],
                "kinds": [type(event).__name__ for _, event in plan.happenings],
                "data": [fields_of(event) for _, event in plan.happenings],
            },
        )

    def delete_leg(self, leg: str) -> None:
        self._run(
            DELETE,
            {
                "leg": leg,
                "hangup": fields_of(people.ended(leg, EndCause.HANGUP)),
                "cancelled": fields_of(people.ended(leg, EndCause.CANCELLED)),
            },
        )

    def play(self, leg: str, sounds: Sounds) -> None:
        played = self._run(
            PLAY,
            {
                "leg": leg,
                "number": sounds.number,
                "loop": sounds.loop,
                "after_beep": sounds.after_beep,
                "lasts": FILE_SECONDS * len(sounds.files) / speed(),
                "data": fields_of(SoundsFinished(leg, sounds.number)),
            },
        )
        if played:
            return
        row = self._find(leg)
        if row is None or row.sounds < sounds.number:
            raise Rejected("no such leg, or nobody has answered it")

    def stop(self, leg: str, number: int) -> None:
        self._run(STOP, {"leg": leg, "number": number})

    def join(self, bridge: str, legs: tuple[str, ...]) -> None:
        present = self._run(
            JOIN,
            {
                "bridge": bridge,
                "legs": list(legs),
                "data": json.dumps({"bridge": bridge}),
                "hangup": fields_of(people.ended("", EndCause.HANGUP)),
                "speed": speed(),
            },
        )
        if present < len(set(legs)):
            raise Rejected("a leg is gone, or nobody has answered it")

    def hold(self, bridge: str, leg: str) -> None:
        self._run(LEAVE, {"bridge": bridge, "leg": leg, "data": json.dumps({"bridge": bridge})})

    def close_bridge(self, bridge: str) -> None:
        self._run(LEAVE, {"bridge": bridge, "leg": "", "data": json.dumps({"bridge": bridge})})

    def list_legs(self) -> tuple[LegSeen, ...]:
        """Every leg whose end has not been delivered yet: what is missing here has ended, and that has been said."""
        try:
            rows = list(SimulatedLeg.objects.filter(switch_id=self.switch).annotate(now=Now()).order_by("created_at"))
        except Error as error:
            raise Unavailable("the simulator's database does not answer") from error
        return tuple(LegSeen(row.id, row.state(row.now), row.created_at, row.bridge or None) for row in rows)

    def _find(self, leg: str) -> SimulatedLeg | None:
        try:
            return SimulatedLeg.objects.filter(pk=leg, switch_id=self.switch, deleted=False).first()
        except Error as error:
            raise Unavailable("the simulator's database does not answer") from error

    def _run(self, sql: str, values: dict[str, Any]) -> int:
        """How many rows the statement changed, or the number that it answers with."""
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, {**values, "switch": self.switch})
                return int(cursor.rowcount if cursor.description is None else cursor.fetchone()[0])
        except Error as error:
            raise Unavailable("the simulator's database does not answer") from error
