"""What the API says about the look-up of telephone numbers as OpenAPI."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema

from callbacks.api.schema import JSON, REFUSED, error, response

_TEXT, _YES_OR_NO = {"type": "string"}, {"type": "boolean"}
_FACTS = {
    "carrier": _TEXT,
    "country-code": {"type": "integer"},
    "country-code-source": _TEXT,
    "country-default": _TEXT,
    "extension": _TEXT,
    "is-possible-number": _YES_OR_NO,
    "is-premium": _YES_OR_NO,
    "is-valid-number": _YES_OR_NO,
    "is-valid-number-for-region": _YES_OR_NO,
    "italian-leading-zero": _YES_OR_NO,
    "language-specified": _TEXT,
    "location": _TEXT,
    "number-E164": _TEXT,
    "number-international": _TEXT,
    "number-national": _TEXT,
    "number-national-short": {"type": "string", "description": "Digits only, without the prefix for long distance."},
    "number-original": _TEXT,
    "number-specified": _TEXT,
    "number-type": _TEXT,
    "region-code": _TEXT,
    "time-zone": {"type": "string", "description": "Several with commas between; empty where it is not known."},
}
_A_NUMBER = {
    "carrier": "",
    "country-code": 49,
    "country-code-source": "FROM_NUMBER_WITH_PLUS_SIGN",
    "country-default": "DE",
    "extension": "",
    "is-possible-number": True,
    "is-premium": False,
    "is-valid-number": True,
    "is-valid-number-for-region": True,
    "italian-leading-zero": False,
    "language-specified": "fr",
    "location": "Munich",
    "number-E164": "+4989125016040",
    "number-international": "+49 89 125016040",
    "number-national": "089 125016040",
    "number-national-short": "89125016040",
    "number-original": "+49 89 125016040",
    "number-specified": "+4989125016040",
    "number-type": "FIXED_LINE",
    "region-code": "DE",
    "time-zone": "Europe/Berlin",
}

LOOK_UP = extend_schema(
    operation_id="look_up_number",
    summary="What a telephone number says by itself",
    description="By the tables of Google's libphonenumber. Nobody is called.",
    parameters=[
        OpenApiParameter("number", OpenApiTypes.STR, description="A + is written %2B.", required=True),
        OpenApiParameter("country", OpenApiTypes.STR, description="Where it is dialled, two letters.", default="US"),
        OpenApiParameter("geocodingLocale", OpenApiTypes.STR, description="The language of names.", default="en"),
    ],
    responses={
        (200, JSON): response(
            {"type": "object", "properties": _FACTS, "required": list(_FACTS)}, "What is known.", A_number=_A_NUMBER
        ),
        **REFUSED,
        (400, JSON): error("It cannot be read as a number of that country."),
    },
    tags=["numbers"],
)
