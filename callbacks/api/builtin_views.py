"""Services that answer by themselves, without a callback, and all services that are started by their bare name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from callbacks.api import access, bodies, errors, interactions, ranges, status, values
from callbacks.api.base import ApiView, service_of, visible_service
from callbacks.api.ranges import Range
from callbacks.api.requests import values_of
from callbacks.api.schema_interactions import START_SERVICE
from callbacks.api.schema_times import BUILTIN
from callbacks.api.views import CallbackViewSet
from callbacks.api.written import written_time
from scheduling import offices
from scheduling.capacity import Capacity
from scheduling.hours import OfficeHours, Period
from scheduling.slots import slots
from services import resolution, types
from services.models import START, ConfiguredService
from services.types import CALLBACK, CAPACITY, GET

# How far the open period around one moment is followed, so that an answer about an office that never closes ends.
AROUND = timedelta(days=1)
_HOUR = 60
_ALL = tuple(each.name for each in (CALLBACK, *types.BUILTIN))


class BuiltinViewSet(ApiView, ViewSet):
    # The permission table.
    scopes = {"ask": START, "start": START}

    @BUILTIN
    def ask(self, request: Request, name: str) -> Response:
        now = timezone.now()
        service = visible_service(name, access.client(request), _ALL)
        if service.type == CALLBACK.name:
            raise errors.is_a_callback_service(service)
        if service.type in interactions.ANSWERS:
            raise exceptions.MethodNotAllowed("GET")
        query = bodies.from_query(request._request)
        if service.type == GET.name:
            return _status(service)
        if service.type == CAPACITY.name:
            return Response(_capacity(query, offices.capacity(name), now))
        return Response({"error": None, "periods": _periods(query, offices.office_hours(name), now)})

    @START_SERVICE
    def start(self, request: Request, name: str) -> Response:
        key = access.client(request)
        service, is_open = service_of(name, key, _ALL)
        if not is_open:
            raise exceptions.PermissionDenied
        if service.type == CALLBACK.name:
            callbacks = CallbackViewSet(request=request, args=self.args, kwargs=self.kwargs, action="start")
            return callbacks.start(request, name)
        if service.type not in interactions.ANSWERS:
            raise exceptions.MethodNotAllowed("POST")
        return Response(interactions.answer(service, values_of(request._request), key, timezone.now()))


def _status(service: ConfiguredService) -> Response:
    """The status is the answer: load balancers look at nothing else."""
    with errors.of_configuration():
        resolved = resolution.resolve(service)
    online = status.is_ready()
    code = resolved["_online_code"] if online else resolved["_offline_code"]
    return Response({"online": online}, status=int(str(code)))


def _periods(query: Mapping[str, str], hours: OfficeHours, now: datetime) -> list[dict[str, str]]:
    ranges.check_keys(query, ("start", "end", "number-of-days"))
    asked = ranges.from_query(query, now=now, days_in=hours.zone)
    return [{"start": written_time(period.start), "end": written_time(period.end)} for period in _open(hours, asked)]


def _open(hours: OfficeHours, asked: Range) -> list[Period]:
    """The open periods in the range, clipped to it; of one moment the period that it is in."""
    if not asked.is_moment:
        return hours.periods(asked.start, asked.end)
    around = hours.periods(asked.start - AROUND, asked.start + AROUND)
    return [period for period in around if period.start <= asked.start < period.end]


def _capacity(query: Mapping[str, str], capacity: Capacity, now: datetime) -> list[dict[str, Any]]:
    """What each slot takes that begins in a period; hours of the same number are one period."""
    ranges.check_keys(query, ("start", "end", "timezone"))
    for key in ("start", "end"):
        if key not in query:
            raise errors.invalid(f"{key} is missing; a time of timezone like 2026-07-30T15:00:00.000 is needed")
    zone = values.read_zone("timezone", query["timezone"]) if "timezone" in query else capacity.zone
    asked = ranges.from_query(query, now=now, days_in=zone, times_in=zone)
    periods: list[tuple[datetime, datetime, int]] = []
    for hour in slots(asked.start, asked.end, _HOUR, capacity.zone):
        start, end, places = max(hour.start, asked.start), min(hour.end, asked.end), capacity.at(hour.start)
        if periods and periods[-1][2] == places:
            start = periods.pop()[0]
        periods.append((start, end, places))
    return [{"start": written_time(start), "end": written_time(end), "capacity": n} for start, end, n in periods]
