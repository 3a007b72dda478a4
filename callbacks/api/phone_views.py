"""What a telephone number says by itself."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from callbacks.api import bodies, schema_phone
from callbacks.api.base import ApiView
from callbacks.api.errors import ApiError
from services.models import START
from telephony import phone


class PhoneViewSet(ApiView, ViewSet):
    # The permission table.
    scopes = {"look_up": START}

    @schema_phone.LOOK_UP
    def look_up(self, request: Request) -> Response:
        query = bodies.from_query(request._request)
        number = query.get("number", "")
        # A + that was not written %2B.
        number = f"+{number[1:]}" if number.startswith(" ") else number
        country = (query.get("country", "").strip() or phone.COUNTRY).upper()
        language = (query.get("geocodingLocale", "").strip() or phone.LANGUAGE).lower()
        try:
            return Response(phone.facts(number, country=country, language=language))
        except phone.NotANumber:
            text = f"Invalid Phone Number {number} for Country {country} (parsing impossible)"
            raise ApiError(text) from None
