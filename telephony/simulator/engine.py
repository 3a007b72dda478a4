"""The simulator's verbs. Each is one statement that guards the leg's row and changes its planned future with it.

So verbs of different workers and the listener never leave a future half changed, and a call costs few round trips.
Every statement takes the leg's row before its happenings, so that they do not deadlock.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.db.models.functions import Now

from telephony.simulator import people
from telephony.simulator.models import SimulatedLeg
from telephony.switch import (
    Arrived,
    Digit,
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
# From one key to the next.
KEY_SECONDS = 0.3

CREATE = """
WITH leg AS (
    INSERT INTO telephony_simulatedleg (id, switch_id, endpoint, detect, created_at)
    VALUES (%(leg)s, %(switch)s, %(endpoint)s, %(detect)s, statement_timestamp())
    ON CONFLICT (id) DO NOTHING RETURNING id
)
INSERT INTO telephony_simulatedhappening (switch_id, leg, at, kind, data)
SELECT %(switch)s, id, statement_timestamp(), 'Created', '{}' FROM leg
"""

FIND = """
SELECT endpoint, detect, sounds FROM telephony_simulatedleg
WHERE id = %(leg)s AND switch_id = %(switch)s AND NOT deleted
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

DIAL_IN = """
WITH leg AS (
    INSERT INTO telephony_simulatedleg
        (id, switch_id, endpoint, detect, created_at, dialled_at, rings_at, answers_at, talk_seconds)
    VALUES (%(leg)s, %(switch)s, %(caller)s, false, statement_timestamp(), statement_timestamp(),
        statement_timestamp(), statement_timestamp(), %(talk_seconds)s)
    RETURNING id
)
INSERT INTO telephony_simulatedhappening (switch_id, leg, at, kind, data)
SELECT %(switch)s, leg.id, statement_timestamp() + make_interval(secs => delay), kind, data
FROM leg, unnest(%(delays)s::float8[], %(kinds)s::text[], %(data)s::text[]) AS planned (delay, kind, data)
"""

PRESS = """
WITH leg AS (
    SELECT id FROM telephony_simulatedleg WHERE id = %(leg)s AND switch_id = %(switch)s AND NOT deleted
)
INSERT INTO telephony_simulatedhappening (switch_id, leg, at, kind, data)
SELECT %(switch)s, leg.id, statement_timestamp() + make_interval(secs => delay), 'Digit', data
FROM leg, unnest(%(delays)s::float8[], %(data)s::text[]) AS planned (delay, data)
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
        self._execute(CREATE, {"leg": request.id, "endpoint": request.endpoint, "detect": request.detect})

    def dial_leg(self, leg: str, *, timeout: int) -> None:
        row = self._execute(FIND, {"leg": leg})
        if row is None:
            raise Rejected("no such leg")
        endpoint, detect, _ = row
        plan = people.plan(people.who(endpoint, leg), leg=leg, detect=detect, timeout=timeout)
        times = {"rings": plan.rings, "answers": plan.answers, "beep": plan.beep}
        self._execute(
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

    def dial_in(self, *, called: str, caller: str) -> str:
        """Somebody calls us, who behaves as the last digits of their number say: the id of their leg."""
        leg = f"sim-{uuid.uuid4()}"
        person = people.who(caller, leg) if caller else people.CUSTOMER
        planned: list[tuple[float, SwitchEvent]] = [(0.0, Arrived(leg, called, caller))]
        if person.hangs_up_after is not None:
            planned.append((person.hangs_up_after, people.ended(leg, EndCause.HANGUP)))
        self._execute(
            DIAL_IN,
            {
                "leg": leg,
                "caller": caller,
                "talk_seconds": person.talk_seconds,
                "delays": [seconds / speed() for seconds, _ in planned],
                "kinds": [type(event).__name__ for _, event in planned],
                "data": [fields_of(event) for _, event in planned],
            },
        )
        return leg

    def press(self, leg: str, digits: str) -> None:
        """Whoever called us presses these keys, one after the other."""
        pressed = [fields_of(Digit(leg, digit)) for digit in digits]
        delays = [KEY_SECONDS * number / speed() for number in range(len(pressed))]
        self._execute(PRESS, {"leg": leg, "delays": delays, "data": pressed})

    def delete_leg(self, leg: str) -> None:
        self._execute(
            DELETE,
            {
                "leg": leg,
                "hangup": fields_of(people.ended(leg, EndCause.HANGUP)),
                "cancelled": fields_of(people.ended(leg, EndCause.CANCELLED)),
            },
        )

    def play(self, leg: str, sounds: Sounds) -> None:
        played = self._execute(
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
        if played != (0,):
            return
        row = self._execute(FIND, {"leg": leg})
        if row is None or row[2] < sounds.number:
            raise Rejected("no such leg, or nobody has answered it")

    def stop(self, leg: str, number: int) -> None:
        self._execute(STOP, {"leg": leg, "number": number})

    def join(self, bridge: str, legs: tuple[str, ...]) -> None:
        present = self._execute(
            JOIN,
            {
                "bridge": bridge,
                "legs": list(legs),
                "data": json.dumps({"bridge": bridge}),
                "hangup": fields_of(people.ended("", EndCause.HANGUP)),
                "speed": speed(),
            },
        )
        if present is None or present[0] < len(set(legs)):
            raise Rejected("a leg is gone, or nobody has answered it")

    def hold(self, bridge: str, leg: str) -> None:
        self._execute(LEAVE, {"bridge": bridge, "leg": leg, "data": json.dumps({"bridge": bridge})})

    def close_bridge(self, bridge: str) -> None:
        self._execute(LEAVE, {"bridge": bridge, "leg": "", "data": json.dumps({"bridge": bridge})})

    def list_legs(self) -> tuple[LegSeen, ...]:
        """Every leg whose end has not been delivered yet: what is missing here has ended, and that has been said."""
        try:
            rows = list(SimulatedLeg.objects.filter(switch_id=self.switch).annotate(now=Now()).order_by("created_at"))
        except Error as error:
            raise Unavailable("the simulator's database does not answer") from error
        return tuple(LegSeen(row.id, row.state(row.now), row.created_at, row.bridge or None) for row in rows)

    def _execute(self, sql: str, values: dict[str, Any]) -> tuple[Any, ...] | None:
        """Carry out a verb's statement; the row that it answers with, if it answers."""
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, {**values, "switch": self.switch})
                return None if cursor.description is None else cursor.fetchone()
        except Error as error:
            raise Unavailable("the simulator's database does not answer") from error
