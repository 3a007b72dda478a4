"""Start requests that were refused: counted where they are refused, without a statement, and taken into the totals.

A request that is refused stores nothing, so each process counts in memory and adds to the totals of all metrics
(`scheduling.totals`). What these have grown by since the last sweep belongs to the day of the sweep.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import OperationalError, connection, transaction
from django.utils import timezone
from prometheus_client import Counter

from callbacks import actions
from callbacks.limits import LimitReached, idempotency
from callbacks.limits.number_rules import NumberDisallowed
from callbacks.reporting.counting import What, days
from callbacks.reporting.models import RefusalMark
from callbacks.reporting.totals import Totals
from scheduling.models import Total
from scheduling.totals import REGISTRY
from services.catalogue import OptionError

REFUSED = Counter(
    "callbacksite_starts_refused", "Start requests that were refused, by kind.", ["service", "kind"], registry=REGISTRY
)
NAME = "callbacksite_starts_refused_total"
# Any constant; this one says "refu".
LOCK = 0x72656675

TIME, LIMIT, NUMBER, REQUEST, OTHER = "time", "limit", "number", "request", "other"


@contextmanager
def counted(service: str) -> Iterator[None]:
    """Count a start request of a service that is refused within; whatever is raised goes on."""
    try:
        yield
    except Exception as error:
        REFUSED.labels(service, kind_of(error)).inc()
        raise


def kind_of(error: Exception) -> str:
    """Why a start request was refused, in one of a few words."""
    match error:
        case actions.NotAvailable():
            return TIME
        case LimitReached():
            return LIMIT
        case actions.NumberBlocked() | NumberDisallowed():
            return NUMBER
        case actions.MissingKeys() | OptionError() | idempotency.BadKey() | idempotency.KeyReused():
            return REQUEST
        case OperationalError() | actions.Busy():
            return OTHER
    status = getattr(error, "status_code", 500)
    return REQUEST if 400 <= status < 500 else OTHER


def take_in(now: datetime) -> int:
    """Add to the totals of today what was refused since the last time, each request once; how many there were."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            if not cursor.fetchone()[0]:
                return 0
        known = {(mark.service, mark.kind): mark.counted for mark in RefusalMark.objects.all()}
        new: dict[tuple[str, str], int] = {}
        for labels, value in Total.objects.filter(name=NAME).values_list("labels", "value"):
            label = json.loads(labels)
            key = (label["service"], label["kind"])
            if int(value) > known.get(key, 0):
                new[key] = int(value)
        if not new:
            return 0
        totals, today = Totals(), days(now, timezone.get_default_timezone())
        for (service, kind), value in new.items():
            totals.add(today, What.REFUSED, service, kind, n=value - known.get((service, kind), 0))
        totals.store()
        RefusalMark.objects.bulk_create(
            [RefusalMark(service=service, kind=kind, counted=value) for (service, kind), value in new.items()],
            update_conflicts=True,
            unique_fields=["service", "kind"],
            update_fields=["counted"],
        )
    return sum(value - known.get(key, 0) for key, value in new.items())
