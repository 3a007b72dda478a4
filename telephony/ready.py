"""Who is free or soon will be, and what targets ask of them, as statements; asked whenever an agent turns ready.

The same as `audience.profiles`, written out: to make that statement anew takes longer than its answer.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import connection

from telephony.targets import Profile

_PROFILES = """
SELECT agent.id, agent.name, coalesce(place.name, ''),
    ARRAY(
        SELECT one.name FROM telephony_agentgroup_agents AS member
        JOIN telephony_agentgroup AS one ON one.id = member.agentgroup_id WHERE member.agent_id = agent.id
    ),
    ARRAY(
        SELECT one.name FROM telephony_placegroup_places AS member
        JOIN telephony_placegroup AS one ON one.id = member.placegroup_id WHERE member.place_id = agent.place_id
    ),
    (
        SELECT coalesce(jsonb_object_agg(skill.name, known.level), '{}') FROM telephony_agentskill AS known
        JOIN telephony_skill AS skill ON skill.id = known.skill_id WHERE known.agent_id = agent.id
    )
FROM telephony_agent AS agent LEFT JOIN telephony_place AS place ON place.id = agent.place_id
"""
_READY = f"""{_PROFILES}
WHERE agent.name = %s AND agent.state = 'ready'
    AND NOT EXISTS (SELECT FROM telephony_leg AS leg WHERE leg.agent_id = agent.id AND leg.state <> 'ended')
"""
# Longest idle first. A wrap-up after which the agent is to be something else than ready does not count.
_SOON_FREE = """
SELECT agent.id, CASE WHEN agent.state = 'wrap_up' THEN agent.wrap_up_until END FROM telephony_agent AS agent
WHERE (agent.state = 'ready' OR agent.state = 'wrap_up' AND agent.next_state = '' AND agent.wrap_up_until <= %s)
    AND NOT EXISTS (SELECT FROM telephony_leg AS leg WHERE leg.agent_id = agent.id AND leg.state <> 'ended')
ORDER BY agent.idle_since, agent.id
"""


def soon_free(latest: datetime) -> dict[int, datetime | None]:
    """Agents who could be given a call now (None), or whose wrap-up ends by itself until `latest`: when it does."""
    with connection.cursor() as cursor:
        cursor.execute(_SOON_FREE, [latest])
        return dict(cursor.fetchall())


def ready(name: str) -> tuple[int, Profile] | None:
    """The primary key and the profile of an agent who could be given a call now; None of one who could not."""
    return next(iter(_read(_READY, name).items()), None)


def profiles_of(pks: Collection[int]) -> dict[int, Profile]:
    """The profiles of these agents, by their primary keys."""
    return _read(f"{_PROFILES} WHERE agent.id = ANY(%s)", list(pks))


def _read(statement: str, which: Any) -> dict[int, Profile]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [which])
        rows = cursor.fetchall()
    return {
        pk: Profile(name, place, frozenset(groups), frozenset(place_groups), json.loads(skills))
        for pk, name, place, groups, place_groups, skills in rows
    }
