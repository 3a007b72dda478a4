"""What somebody has to look into now: shown first on the board, and on whatever page wants to say so.

An alarm is what is, not what was: none is kept, acknowledged or sent. What should wake somebody up comes from the
figures (docs/monitoring.md), which know the same things.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Count, Exists, Min, OuterRef
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from callbacks.models import AuditFinding, Callback
from callbacks.status.models import StatusNotice
from callbacksite import health
from services import pausing, people
from telephony import brake
from telephony.models import RoutePoint

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


class Kind(models.TextChoices):
    """In the order in which they are shown: what stops all calls comes first."""

    PROCESS = "process", gettext_lazy("Process")
    SWITCH = "switch", gettext_lazy("Switch")
    TRUNK = "trunk", gettext_lazy("Trunk")
    BRAKE = "brake", gettext_lazy("Spending brake")
    EWT = "ewt", gettext_lazy("Long wait")
    FINDING = "finding", gettext_lazy("Audit")
    PARKED = "parked", gettext_lazy("Notifications")
    PAUSED = "paused", gettext_lazy("Paused")


@dataclass(frozen=True)
class Alarm:
    """One thing. `text` is a sentence in the reader's language, `url` the page where it is dealt with, empty where the
    reader may open none. `since` is None where nobody knows."""

    kind: Kind
    text: str
    url: str = ""
    since: datetime | None = None


def alarms(now: datetime, user: User | AnonymousUser) -> list[Alarm]:
    """What this person should know of now, the gravest first.

    Of what belongs to a service only where they may see it; a dead process stops all of them, and is told to all.
    """
    found = [*_processes(), *_trunks(user, now), *_brakes(user, now), *_findings(user), *_parked(user), *_paused(user)]
    return sorted(found, key=lambda alarm: list(Kind).index(alarm.kind))


def _processes() -> Iterator[Alarm]:
    for check in health.of_others():
        if not check.problem:
            continue
        group, _slash, name = check.name.partition("/")
        if group == health.TELEPHONY:
            text = (
                _("Switch %(name)s: the telephony process has no connection to it. Nobody is called there.")
                if check.problem == health.UNCONNECTED
                else _("Switch %(name)s: no telephony process listens to it. Nobody is called there.")
            )
            yield Alarm(Kind.SWITCH, text % {"name": name}, since=check.since)
        elif group == health.WORKERS:
            text = _("No worker of the queue %(name)s gives a sign of life: what waits there is not done.")
            yield Alarm(Kind.PROCESS, text % {"name": name}, since=check.since)
        else:
            text = _("Celery Beat gives no sign of life: nothing that becomes due is begun.")
            yield Alarm(Kind.PROCESS, text, since=check.since)


def _trunks(user: User | AnonymousUser, now: datetime) -> Iterator[Alarm]:
    for point in RoutePoint.objects.filter(unavailable_until__gt=now).select_related("switch").order_by("pk"):
        text = ngettext(
            "Trunk %(name)s could not carry a call. It is tried again soon.",
            "Trunk %(name)s could not carry %(count)d calls in a row. It is tried again soon.",
            point.failures,
        ) % {"name": point, "count": point.failures}
        may_open = user.has_perm("telephony.view_routepoint")
        yield Alarm(Kind.TRUNK, text, reverse("admin:telephony_routepoint_change", args=[point.pk]) if may_open else "")


def _brakes(user: User | AnonymousUser, now: datetime) -> Iterator[Alarm]:
    pulled = brake.pulled(now)
    if not pulled:
        return
    known = set(people.visible(user).values_list("name", flat=True))
    url = reverse("dialled") if user.has_perm("telephony.view_dialcount") else ""
    for row in pulled:
        if row.service and row.service not in known:
            continue
        said = {"count": row.allowed, "service": row.service}
        in_hour = row.period == row.Period.HOUR
        if row.service and in_hour:
            text = _("Service %(service)s: %(count)d were dialled in this hour, which is all that may be.") % said
        elif row.service:
            text = _("Service %(service)s: %(count)d were dialled today, which is all that may be.") % said
        elif in_hour:
            text = _("All services: %(count)d were dialled in this hour, which is all that may be.") % said
        else:
            text = _("All services: %(count)d were dialled today, which is all that may be.") % said
        yield Alarm(Kind.BRAKE, text, url, row.pulled_at)


def _findings(user: User | AnonymousUser) -> Iterator[Alarm]:
    rows = AuditFinding.objects.open()
    if people.is_limited(user):
        rows = rows.filter(Exists(Callback.objects.visible_to(user).filter(pk=OuterRef("owner"))))
    found = rows.aggregate(count=Count("owner", distinct=True), since=Min("first_seen"), owner=Min("owner"))
    if not (count := found["count"]):
        return
    text = ngettext("%(count)d callback needs attention.", "%(count)d callbacks need attention.", count)
    url = reverse("callback-detail", args=[found["owner"]]) if count == 1 else f"{reverse('callback-list')}#attention"
    yield Alarm(Kind.FINDING, text % {"count": count}, url, found["since"])


def _parked(user: User | AnonymousUser) -> Iterator[Alarm]:
    rows = StatusNotice.objects.filter(state=StatusNotice.State.PARKED)
    if people.is_limited(user):
        rows = rows.filter(service_name__in=people.visible(user).values("name"))
    found = rows.aggregate(count=Count("pk"), since=Min("settled_at"))
    if count := found["count"]:
        text = ngettext(
            "%(count)d status notification could not be delivered and is parked.",
            "%(count)d status notifications could not be delivered and are parked.",
            count,
        )
        yield Alarm(Kind.PARKED, text % {"count": count}, reverse("notifications"), found["since"])


def _paused(user: User | AnonymousUser) -> Iterator[Alarm]:
    paused = pausing.paused_services()
    if not paused:
        return
    names = list(people.visible(user).filter(pk__in=paused).order_by("name").values_list("name", flat=True))
    if names:
        text = ngettext("Service %(names)s is paused.", "Services %(names)s are paused.", len(names))
        yield Alarm(Kind.PAUSED, text % {"names": ", ".join(names)})
