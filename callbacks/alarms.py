"""What somebody has to look into now: shown first on the board, and on whatever page wants to say so.

An alarm is what is, not what was: none is kept, acknowledged or sent. What should wake somebody up comes from the
figures (docs/monitoring.md), which know the same things.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from django.db import models
from django.db.models import Count, Min, OuterRef, Subquery
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from callbacks.models import AuditFinding, Callback
from callbacks.standing import QueueNow, ServiceNow
from callbacks.status.models import StatusNotice
from callbacks.templatetags.estimates import duration
from callbacksite import health
from callbacksite.health import Check
from callbacksite.kept import Kept
from services import people
from telephony import brake
from telephony.models import DialCount, RoutePoint

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


@dataclass(frozen=True)
class _Facts:
    """What is wrong, whoever looks. Findings and parked notices are (how many, since when) of each service."""

    checks: tuple[Check, ...]
    trunks: tuple[RoutePoint, ...]
    brakes: tuple[DialCount, ...]
    findings: tuple[tuple[int | None, int, datetime, str], ...]
    parked: tuple[tuple[str, int, datetime], ...]


def alarms(now: datetime, user: User | AnonymousUser, shown: Iterable[QueueNow]) -> list[Alarm]:
    """What this person should know of now, the gravest first; `shown` are the queues that they see (`standing.queues`).

    Of what belongs to a service only where they may see it; a dead process stops all of them, and is told to all.
    What it says was read for everybody, no longer ago than half a second.
    """
    facts, only = _just_now.get(now), people.limits(user)
    services = [service for queue in shown for service in queue.services]
    found = [
        *_processes(facts),
        *_trunks(facts, user),
        *_brakes(facts, services, user),
        *_waits(shown),
        *_findings(facts, only),
        *_parked(facts, services, only),
        *_paused(services),
    ]
    return sorted(found, key=lambda alarm: list(Kind).index(alarm.kind))


def _read(now: datetime) -> _Facts:
    of_callback = Callback.objects.filter(pk=OuterRef("owner")).values("service")[:1]
    findings = AuditFinding.objects.open().annotate(service=Subquery(of_callback)).values_list("service")
    parked = StatusNotice.objects.filter(state=StatusNotice.State.PARKED).values_list("service_name")
    return _Facts(
        checks=tuple(check for check in [health.of_broker_at_a_glance(), *health.of_others()] if check.problem),
        trunks=tuple(RoutePoint.objects.filter(unavailable_until__gt=now).select_related("switch").order_by("pk")),
        brakes=tuple(brake.pulled(now)),
        findings=tuple(findings.annotate(Count("owner", distinct=True), Min("first_seen"), Min("owner")).order_by()),
        parked=tuple(parked.annotate(Count("pk"), Min("settled_at")).order_by()),
    )


def _processes(facts: _Facts) -> Iterator[Alarm]:
    for check in facts.checks:
        group, _slash, name = check.name.partition("/")
        if group == health.TELEPHONY:
            text = (
                _("Switch %(name)s: the telephony process has no connection to it. Nobody is called there.")
                if check.problem == health.UNCONNECTED
                else _("Switch %(name)s: no telephony process listens to it. Nobody is called there.")
            )
            yield Alarm(Kind.SWITCH, text % {"name": name}, since=check.since)
        elif group == health.BROKER:
            text = _("Redis does not answer: until it does, no worker gets anything to do.")
            yield Alarm(Kind.PROCESS, text)
        elif group == health.WORKERS:
            text = _("No worker of the queue %(name)s gives a sign of life: what waits there is not done.")
            yield Alarm(Kind.PROCESS, text % {"name": name}, since=check.since)
        else:
            text = _("Celery Beat gives no sign of life: nothing that becomes due is begun.")
            yield Alarm(Kind.PROCESS, text, since=check.since)


def _trunks(facts: _Facts, user: User | AnonymousUser) -> Iterator[Alarm]:
    may_open = user.is_staff and user.has_perm("telephony.view_routepoint")
    for point in facts.trunks:
        text = ngettext(
            "Trunk %(name)s could not carry a call. It is tried again soon.",
            "Trunk %(name)s could not carry %(count)d calls in a row. It is tried again soon.",
            point.failures,
        ) % {"name": point, "count": point.failures}
        yield Alarm(Kind.TRUNK, text, reverse("admin:telephony_routepoint_change", args=[point.pk]) if may_open else "")


def _brakes(facts: _Facts, services: Collection[ServiceNow], user: User | AnonymousUser) -> Iterator[Alarm]:
    known = {service.name for service in services}
    url = reverse("dialled") if user.has_perm("telephony.view_dialcount") else ""
    for row in facts.brakes:
        if row.service and row.service not in known:
            continue
        in_hour = row.period == row.Period.HOUR
        if row.service and in_hour:
            text = _("Service %(service)s: %(count)d were dialled in this hour, which is all that may be.")
        elif row.service:
            text = _("Service %(service)s: %(count)d were dialled today, which is all that may be.")
        elif in_hour:
            text = _("All services: %(count)d were dialled in this hour, which is all that may be.")
        else:
            text = _("All services: %(count)d were dialled today, which is all that may be.")
        yield Alarm(Kind.BRAKE, text % {"count": row.allowed, "service": row.service}, url, row.pulled_at)


def _waits(found: Iterable[QueueNow]) -> Iterator[Alarm]:
    for queue in found:
        if not queue.is_too_long:
            continue
        said = {"name": queue.name, "limit": duration(queue.limit), "ewt": duration(queue.longest)}
        if queue.is_deserted:
            text = _("Queue %(name)s: callbacks wait, and nobody is logged in who could take them.")
        else:
            text = _("Queue %(name)s: a new callback would wait %(ewt)s, more than %(limit)s.")
        yield Alarm(Kind.EWT, text % said, f"{reverse('agents')}?queue={quote(queue.name)}")


def _findings(facts: _Facts, only: Collection[int] | None) -> Iterator[Alarm]:
    rows = [row for row in facts.findings if only is None or row[0] in only]
    if not rows:
        return
    count = sum(row[1] for row in rows)
    text = ngettext("%(count)d callback needs attention.", "%(count)d callbacks need attention.", count)
    # One that has a page is shown there; one whose callback is gone, on the list with the others.
    is_one = count == 1 and rows[0][0] is not None
    url = reverse("callback-detail", args=[rows[0][3]]) if is_one else f"{reverse('callback-list')}#attention"
    yield Alarm(Kind.FINDING, text % {"count": count}, url, min(row[2] for row in rows))


def _parked(facts: _Facts, services: Collection[ServiceNow], only: Collection[int] | None) -> Iterator[Alarm]:
    names = {service.name for service in services}
    rows = [row for row in facts.parked if only is None or row[0] in names]
    if not rows:
        return
    count = sum(row[1] for row in rows)
    text = ngettext(
        "%(count)d status notification could not be delivered and is parked.",
        "%(count)d status notifications could not be delivered and are parked.",
        count,
    )
    yield Alarm(Kind.PARKED, text % {"count": count}, reverse("notifications"), min(row[2] for row in rows))


def _paused(services: Iterable[ServiceNow]) -> Iterator[Alarm]:
    names = sorted(service.name for service in services if service.is_paused)
    if names:
        text = ngettext("Service %(names)s is paused.", "Services %(names)s are paused.", len(names))
        yield Alarm(Kind.PAUSED, text % {"names": ", ".join(names)}, reverse("pauses"))


_just_now = Kept(_read)
