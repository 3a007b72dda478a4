"""What a telephone number says by itself, as the vendor's clients read it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from services.models import QUERY
from tests.api.conftest import client_with

URL = "/genesys/1/phonenumber"


def look_up(client: Client, **query: str) -> Any:
    response = client.get(URL, query)
    assert response.status_code == 200, response.content
    return response.json()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            {"number": "0604120405", "country": "FR", "geocodingLocale": "DE"},
            {
                "country-code": 33,
                "country-code-source": "FROM_DEFAULT_COUNTRY",
                "country-default": "FR",
                "extension": "",
                "is-possible-number": True,
                "is-premium": False,
                "is-valid-number": True,
                "is-valid-number-for-region": True,
                "italian-leading-zero": False,
                "language-specified": "de",
                "location": "Frankreich",
                "number-E164": "+33604120405",
                "number-international": "+33 6 04 12 04 05",
                "number-national": "06 04 12 04 05",
                "number-national-short": "604120405",
                "number-original": "06 04 12 04 05",
                "number-specified": "0604120405",
                "number-type": "MOBILE",
                "region-code": "FR",
                "time-zone": "Europe/Paris",
            },
        ),
        (
            {"number": "+4989125016040", "country": "DE", "geocodingLocale": "FR"},
            {
                "country-code": 49,
                "country-code-source": "FROM_NUMBER_WITH_PLUS_SIGN",
                "language-specified": "fr",
                "location": "Munich",
                "number-national": "089 125016040",
                "number-national-short": "89125016040",
                "number-original": "+49 89 125016040",
                "number-specified": "+4989125016040",
                "number-type": "FIXED_LINE",
                "time-zone": "Europe/Berlin",
            },
        ),
        (
            {"number": "+16504661100", "country": "US", "geocodingLocale": "FR"},
            {
                "carrier": "",
                "number-international": "+1 650-466-1100",
                "number-national": "(650) 466-1100",
                "number-national-short": "6504661100",
                "number-type": "FIXED_LINE_OR_MOBILE",
                "time-zone": "America/Los_Angeles",
            },
        ),
        (
            {"number": "509113790", "country": "ua"},
            {
                "country-code": 380,
                "country-default": "UA",
                "language-specified": "en",
                "location": "Ukraine",
                "number-E164": "+380509113790",
                "number-national": "050 911 3790",
                "number-national-short": "509113790",
                "number-original": "50 911 3790",
                "number-type": "MOBILE",
                "region-code": "UA",
            },
        ),
        ({"number": "+19005551234"}, {"country-default": "US", "is-premium": True, "number-type": "PREMIUM_RATE"}),
        ({"number": "111"}, {"is-possible-number": False, "is-valid-number": False, "number-type": "UNKNOWN"}),
        ({"number": "+390612345678"}, {"italian-leading-zero": True, "number-national-short": "0612345678"}),
        ({"number": "6504661100 ext. 12"}, {"extension": "12"}),
        ({"number": "+80012345678"}, {"region-code": "001", "time-zone": ""}),
        ({"number": "+16504661100", "geocodingLocale": "xx"}, {"language-specified": "xx", "location": "California"}),
    ],
)
def test_what_the_vendor_says_of_a_number(client: Client, query: dict[str, str], expected: dict[str, Any]) -> None:
    found = look_up(client, **query)
    assert {key: found[key] for key in expected} == expected
    assert len(found) == 21


def test_a_plus_that_was_not_written_as_such(client: Client) -> None:
    assert client.get(f"{URL}?number=+4989125016040&country=DE").json()["number-specified"] == "+4989125016040"


@pytest.mark.parametrize(
    ("query", "number", "country"),
    [
        ({"number": "bad", "country": "DE"}, "bad", "DE"),
        ({"number": "604120405", "country": "XX"}, "604120405", "XX"),
        ({"number": ""}, "", "US"),
        ({}, "", "US"),
        ({"number": "1" * 300}, "1" * 300, "US"),
        ({"number": "+999123456"}, "+999123456", "US"),
    ],
)
def test_what_is_no_number(client: Client, query: dict[str, str], number: str, country: str) -> None:
    response = client.get(f"{URL}?{'&'.join(f'{key}={quote(text)}' for key, text in query.items())}")
    assert response.status_code == 400
    assert response.json() == {
        "exception": "com.genesyslab.gsg.GSGException",
        "message": f"Invalid Phone Number {number} for Country {country} (parsing impossible)",
    }


def test_who_may_look_up(stranger: Client) -> None:
    assert stranger.get(URL, {"number": "5115"}).status_code == 401
    assert client_with(QUERY).get(URL, {"number": "5115"}).status_code == 403


def test_nobody_pays_for_the_tables_of_places_who_does_not_ask() -> None:
    code = "import telephony.phone, sys; sys.exit('phonenumbers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
