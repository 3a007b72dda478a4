"""The lease of a switch: the one process that listens to it, by the database's clock.

Nobody rings a phone while the lease is not renewed (`live_switches`), because a switch accepts a dial with nobody
listening and then drops the customer who answers. Every take-over counts the epoch up, so that what an earlier holder
still wants to write is recognised and refused (`confirm`).
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.functions import Now

from telephony.models import Switch

LEASE = timedelta(seconds=6)
RENEW_SECONDS = 2.0


class Superseded(Exception):
    """Another holder has taken the switch over: nothing of ours may be written any more."""


def acquire(*, switch: int, holder: str) -> int | None:
    """Take the lease when it is free, has run out or is ours; the new epoch, or None while another one holds it.

    Nobody dials before its first renewal with an event socket: the one that was there a moment ago was another's.
    """
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now()) | Q(lease_holder=holder)
    taken = Switch.objects.filter(free, pk=switch).update(
        lease_holder=holder,
        lease_epoch=F("lease_epoch") + 1,
        lease_until=Now() + LEASE,
        reachable_at=Case(When(reachable_at__gt=Now() - LEASE, then=Now() - LEASE), default=F("reachable_at")),
    )
    if not taken:
        return None
    return Switch.objects.filter(pk=switch, lease_holder=holder).values_list("lease_epoch", flat=True).first()


def renew(*, switch: int, holder: str, epoch: int, connected: bool) -> None:
    """Hold on for another `LEASE`, also where it ran out and nobody took it; `Superseded` where somebody did.

    `connected`: the event socket is up, so the switch counts as reachable.
    """
    mine = Switch.objects.filter(pk=switch, lease_holder=holder, lease_epoch=epoch)
    renewed = (
        mine.update(lease_until=Now() + LEASE, reachable_at=Now())
        if connected
        else mine.update(lease_until=Now() + LEASE)
    )
    if not renewed:
        raise Superseded(f"switch {switch}, epoch {epoch}")


def release(*, switch: int, holder: str, epoch: int) -> None:
    """Give the lease back at once; without effect when it is no longer ours."""
    Switch.objects.filter(pk=switch, lease_holder=holder, lease_epoch=epoch).update(lease_holder="", lease_until=None)


def confirm(*, switch: int, epoch: int) -> None:
    """Keep everybody from taking over until the caller's transaction ends; `Superseded` if somebody already has."""
    current = Switch.objects.select_for_update(no_key=True).filter(pk=switch).values_list("lease_epoch", flat=True)
    if current.first() != epoch:
        raise Superseded(f"switch {switch}, epoch {epoch}")


def doubt(switch: int) -> None:
    """Have nobody dial there until its listener shows that it is there, which takes it two seconds if it is."""
    Switch.objects.filter(pk=switch, reachable_at__gt=Now() - LEASE).update(reachable_at=Now() - LEASE)


def live_switches() -> QuerySet[Switch]:
    """The switches that somebody listens to now: the only ones on which a phone may be rung.

    Both the process (its lease) and its event socket were there a moment ago.
    """
    return Switch.objects.filter(lease_until__gt=Now(), reachable_at__gt=Now() - LEASE)


def is_live(switch: int) -> bool:
    return live_switches().filter(pk=switch).exists()
