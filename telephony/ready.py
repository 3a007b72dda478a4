"""An agent who is ready, with what targets ask of them, in one statement: it is asked whenever one turns ready.

The same as `audience.profiles` for one agent, written out: to make that statement anew takes longer than its answer.
"""

from __future__ import annotations

import json

from django.db import connection

from telephony.targets import Profile

_READY = """
SELECT agent.id, coalesce(place.name, ''),
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
WHERE agent.name = %s AND agent.state = 'ready'
    AND NOT EXISTS (SELECT FROM telephony_leg AS leg WHERE leg.agent_id = agent.id AND leg.state <> 'ended')
"""


def ready(name: str) -> tuple[int, Profile] | None:
    """The primary key and the profile of an agent who could be given a call now; None of one who could not."""
    with connection.cursor() as cursor:
        cursor.execute(_READY, [name])
        row = cursor.fetchone()
    if row is None:
        return None
    pk, place, groups, place_groups, skills = row
    levels = json.loads(skills) if isinstance(skills, str) else skills
    return pk, Profile(name, place, frozenset(groups), frozenset(place_groups), levels)
