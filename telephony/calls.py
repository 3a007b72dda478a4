"""What owners say to telephony about their calls."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q

from scheduling.kick import kick
from telephony.events import Party
from telephony.models import Call, Leg
from telephony.switch import LEG_PREFIX, LegState
from telephony.wanted import WISH, WantedCall

CONVERGE = "telephony.tasks.converge"
# How long a kick is trusted before the tick kicks again.
PATIENCE = timedelta(seconds=2)

# With nearly every decision: written out, since Django takes longer to make it than the database to carry it out.
_WANT = """
INSERT INTO telephony_call AS held (owner, wish, wish_number, settled, news, claim, look_at, looks)
VALUES (%(owner)s, %(wish)s, %(number)s, false, 0, '', %(look_at)s, 0)
ON CONFLICT (owner) DO UPDATE SET wish = excluded.wish, wish_number = excluded.wish_number,
    settled = excluded.settled, look_at = excluded.look_at, looks = excluded.looks
"""


def leg_id(owner: str, party: Party, attempt: int) -> str:
    """The switch's id of a leg, derived, so that a repeated act on one attempt meets the same leg."""
    return f"{LEG_PREFIX}{owner}-{party}-{attempt}"


def owner_of(leg: str) -> str:
    """The owner in a leg's id; an empty text for an id that is not ours."""
    if not leg.startswith(LEG_PREFIX):
        return ""
    return leg.removeprefix(LEG_PREFIX).rsplit("-", 2)[0]


def bridge_id(owner: str, agent_attempt: int) -> str:
    """The bridge in which the customer meets the agent of this attempt: one a call."""
    return f"{LEG_PREFIX}{owner}-bridge-{agent_attempt}"


def want(owner: str, wish: WantedCall, *, number: int, now: datetime) -> None:
    """Say what the owner now wants of the switch, in the owner's transaction; it is made so after the commit.

    `number` grows with every wish of an owner.
    """
    wanted: dict[str, Any] = {"owner": owner, "wish": WISH.dump_json(wish).decode(), "number": number}
    with connection.cursor() as cursor:
        cursor.execute(_WANT, wanted | {"look_at": now + PATIENCE})
    kick(CONVERGE, owner)


def with_live_leg(owners: Iterable[str]) -> set[str]:
    """Those of the owners that have a leg which the switch has not reported as ended."""
    return set(
        Leg.objects.filter(~Q(state=LegState.ENDED), call__in=list(owners)).values_list("call_id", flat=True).distinct()
    )


def all_with_live_leg() -> set[str]:
    return set(Leg.objects.filter(~Q(state=LegState.ENDED)).values_list("call_id", flat=True).distinct())


def forget(owners: Iterable[str]) -> None:
    """Drop the calls of owners that are gone; they have no live leg."""
    Call.objects.filter(owner__in=list(owners)).delete()
