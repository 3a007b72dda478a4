"""Whether this process is alive, and whether the service is ready: `/livez` and `/readyz` (docs/monitoring.md).

The addresses follow the API server of Kubernetes: `/readyz/NAME` is one check, `?exclude=NAME` leaves one out.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from callbacksite.probe import NoAnswer, Probe
from scheduling import heartbeats, kick
from telephony import lease
from telephony.models import Switch

logger = logging.getLogger(__name__)

# A probe of a load balancer waits little longer.
SECONDS = 1.0
# So long a page waits for the broker, and so long one that is silent is taken for busy.
GLANCE_SECONDS, PATIENCE = 0.05, 3.0
DATABASE, BROKER, WORKERS, TELEPHONY = "database", "broker", "workers", "telephony"
NAMES = (DATABASE, BROKER, heartbeats.BEAT, WORKERS, TELEPHONY)
# What may be wrong with listening to a switch.
UNHEARD = "no telephony process listens to this switch"
UNCONNECTED = "the telephony process has no connection to this switch"


@dataclass(frozen=True)
class Check:
    """One thing that must work; `problem` is empty when it does, `since` is when it was last known to."""

    name: str
    problem: str = ""
    since: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        if not self.problem:
            return {"ok": True}
        return {"ok": False, "problem": self.problem, "since": self.since.isoformat() if self.since else None}


def livez(request: HttpRequest) -> HttpResponse:
    """This process answers; nothing else is looked at."""
    return _uncached(HttpResponse("ok\n", content_type="text/plain"))


def readyz(request: HttpRequest) -> HttpResponse:
    """All checks, or those that the address names, without those that `exclude` names: 200, or 503 if one fails."""
    wanted = request.path.removeprefix("/readyz").strip("/")
    excluded = request.GET.getlist("exclude")
    for name in filter(None, [wanted, *excluded]):
        if name.split("/")[0] not in NAMES:
            # Not echoed, so that nothing that a stranger sent stands in the answer.
            return _uncached(
                JsonResponse({"error": f"There is no such check. Checks: {', '.join(NAMES)}."}, status=404)
            )
    left = [name for name in NAMES if _overlaps(name, wanted) and name not in excluded]
    found = [check for check in checks(left) if _within(check.name, wanted) and not _excluded(check.name, excluded)]
    if wanted and not found and "/" in wanted:
        return _uncached(JsonResponse({"error": "There is no such check now."}, status=404))
    ok = not any(check.problem for check in found)
    answer = {"ok": ok, "checks": {check.name: check.as_json() for check in found}}
    return _uncached(JsonResponse(answer, status=200 if ok else 503, json_dumps_params={"indent": 1}))


def is_ready() -> bool:
    """True if all checks say so; within about a second."""
    return not any(check.problem for check in checks())


def checks(names: Iterable[str] = NAMES) -> list[Check]:
    """The named checks, within about a second altogether, whatever hangs."""
    names = set(names)
    found: list[Check] = []
    broker = threading.Thread(target=lambda: found.append(_of_broker()), daemon=True)
    if BROKER in names:
        broker.start()
    in_database = names - {BROKER}
    told = _of_database(in_database) if in_database else []
    if BROKER in names:
        broker.join()
    return sorted([*told, *found], key=lambda check: NAMES.index(check.name.split("/")[0]))


def _of_database(names: set[str]) -> list[Check]:
    """The database, and what it knows of the other processes."""
    try:
        found = _database.ask()
    except Exception as error:  # noqa: BLE001 (every error means the same: it cannot be asked)
        if not isinstance(error, NoAnswer):
            logger.warning("the database cannot be asked: %s", error)
        since = _failures.since(DATABASE)
        silent = Check(DATABASE, "does not answer", since)
        others = [Check(name, "unknown, since the database does not answer", since) for name in NAMES]
        return [silent if check.name == DATABASE else check for check in others if check.name in names]
    _failures.over(DATABASE)
    return [check for check in found if check.name.split("/")[0] in names]


def of_others() -> list[Check]:
    """What the database knows of the other processes: Beat, the workers of each queue, who listens to each switch.

    Three statements, without a time-out of its own: for pages, which ask the database anyway.
    """
    return [check for check in _look_into_database() if check.name != DATABASE]


def _look_into_database() -> list[Check]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
    pulses = heartbeats.pulses()
    found = [
        Check(DATABASE),
        _of_pulse(heartbeats.BEAT, pulses.get(heartbeats.BEAT), "Celery Beat gives no sign of life"),
    ]
    for queue in queues():
        name = heartbeats.of_queue(queue)
        found.append(_of_pulse(name, pulses.get(name), "no worker that serves this queue gives a sign of life"))
    switches = [_of_switch(switch, now) for switch in Switch.objects.order_by("name")]
    # Without a switch there is nothing to listen to.
    return [*found, *(switches or [Check(TELEPHONY)])]


def queues() -> list[str]:
    """The queues into which tasks are put."""
    return sorted({route["queue"] for route in settings.CELERY_TASK_ROUTES.values()})


def _of_pulse(name: str, pulse: heartbeats.Pulse | None, problem: str) -> Check:
    if pulse is None:
        return Check(name, f"{problem}, nor has one within a day")
    return Check(name) if pulse.alive else Check(name, problem, pulse.at)


def _of_switch(switch: Switch, now: datetime) -> Check:
    """By the rule of `telephony.lease.live_switches`, and which half of it is broken."""
    name = f"{TELEPHONY}/{switch.name}"
    if switch.lease_until is None or switch.lease_until <= now:
        return Check(name, UNHEARD, switch.lease_until or switch.reachable_at)
    if switch.reachable_at is None or switch.reachable_at <= now - lease.LEASE:
        return Check(name, UNCONNECTED, switch.reachable_at)
    return Check(name)


def _of_broker() -> Check:
    try:
        answers = _broker.ask()
    except NoAnswer:
        answers = False
    if answers:
        _failures.over(BROKER)
        return Check(BROKER)
    return Check(BROKER, "does not answer", _failures.since(BROKER))


def of_broker_at_a_glance() -> Check:
    """The same for pages, which wait for nobody: one that has not answered for three seconds does not answer."""
    global _answered_at
    try:
        answers = _glance.ask()
    except NoAnswer:
        # It hangs, or this machine is busy.
        answers = time.monotonic() - _answered_at < PATIENCE
    else:
        _answered_at = time.monotonic() if answers else _answered_at
    return Check(BROKER, "" if answers else "does not answer")


class _Failures:
    """Since when this process has seen something fail."""

    def __init__(self) -> None:
        self._first: dict[str, datetime] = {}

    def since(self, name: str) -> datetime:
        return self._first.setdefault(name, timezone.now())

    def over(self, name: str) -> None:
        self._first.pop(name, None)


_failures = _Failures()
_database = Probe(_look_into_database, seconds=SECONDS)
_broker = Probe(kick.probe, seconds=SECONDS)
_glance = Probe(kick.probe, seconds=GLANCE_SECONDS)
_answered_at = time.monotonic()


def _within(name: str, group: str) -> bool:
    return not group or name == group or name.startswith(f"{group}/")


def _overlaps(name: str, wanted: str) -> bool:
    return not wanted or wanted.split("/")[0] == name


def _excluded(name: str, excluded: list[str]) -> bool:
    return any(_within(name, each) for each in excluded)


def _uncached(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
