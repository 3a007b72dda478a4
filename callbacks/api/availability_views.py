"""The times at which a callback can be booked, in the two forms of the vendor's interface."""

from __future__ import annotations

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from callbacks.api import access, answers, bodies, headers, offering, schema_times
from callbacks.api.base import ApiView, visible_service
from callbacks.api.offering import Offered
from callbacks.api.written import free_places
from services.models import START


class AvailabilityViewSet(ApiView, ViewSet):
    # The permission table.
    scopes = {"free_places": START, "slots": START}

    @schema_times.FREE_PLACES
    def free_places(self, request: Request, name: str) -> Response:
        now = timezone.now()
        service = visible_service(name, access.client(request))
        offered = offering.free_places(service, bodies.from_query(request._request), now)
        return _answer(free_places(offered.offers), offered)

    @schema_times.SLOTS
    def slots(self, request: Request, name: str) -> Response:
        now = timezone.now()
        service = visible_service(name, access.client(request))
        offered = offering.slots(service, bodies.from_query(request._request), now)
        return _answer(answers.slots(offered.offers, offered.minutes, offered.zone), offered)


def _answer(body: object, offered: Offered) -> Response:
    response = Response(body)
    if offered.is_cut_off:
        response[headers.LIMIT_REACHED] = str(offering.MOST_SLOTS)
    return response
