"""Whatever is sent: an answer that says what is wrong, or a callback that holds exactly what was sent."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from django.test import Client
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from callbacks.models import Callback
from services.models import ConfiguredService
from tests.api.conftest import make_capacity, make_office
from tests.api.test_builtin import HOURS, PLACES
from tests.api.test_seeds import IMMEDIATE, SEED_1, SEED_2, multipart

pytestmark = pytest.mark.usefixtures("service")
fuzz = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

TYPES = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
# What a header can carry, so that a name in quotes ends where it should.
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_ äЖ]{0,40}", fullmatch=True).filter(lambda name: name == name.strip())
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=200)


def send(client: Client, body: bytes, content_type: str) -> Any:
    before = Callback.objects.count()
    response = client.generic("POST", IMMEDIATE, body, content_type)
    answer = json.loads(response.content)
    if response.status_code == 200:
        assert Callback.objects.count() == before + 1
    else:
        assert 400 <= response.status_code < 500, response.content
        # The second seed's time has passed; a digit that is changed may make it any other.
        more = ["availability"] if answer["exception"].endswith("CallbackExceptionAvailability") else []
        assert list(answer) == ["exception", "message", *more]
        assert Callback.objects.count() == before
    return response


@fuzz
@given(body=st.binary(max_size=300), content_type=st.sampled_from([*TYPES, "multipart/form-data", "text/plain", ""]))
def test_noise(client: Client, body: bytes, content_type: str) -> None:
    send(client, body, content_type)


@fuzz
@given(content_type=st.text(st.characters(max_codepoint=255), max_size=80))
def test_content_types(client: Client, content_type: str) -> None:
    # What the server below refuses or takes out; Django's own client is not guarded.
    assume("*" not in content_type and "\x00" not in content_type)
    send(client, b"{}", content_type)


@fuzz
@given(data=st.data())
def test_good_requests_gone_bad(client: Client, data: st.DataObject) -> None:
    seed = data.draw(st.sampled_from([SEED_1, SEED_2]))
    bodies = [json.dumps(seed).encode(), urlencode(seed).encode(), multipart("x", seed)]
    content_type, body = data.draw(st.sampled_from(list(zip(TYPES, bodies, strict=True))))
    at = data.draw(st.integers(0, len(body)))
    until = data.draw(st.integers(at, min(len(body), at + 20)))
    send(client, body[:at] + data.draw(st.binary(max_size=5)) + body[until:], content_type)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=10,
)


@fuzz
@given(value=JSON | st.dictionaries(st.sampled_from([*SEED_1, *SEED_2]), JSON))
def test_any_json(client: Client, value: Any) -> None:
    send(client, json.dumps(value).encode(), "application/json")


@fuzz
@given(parameters=st.dictionaries(st.sampled_from([*SEED_1, *SEED_2]), TEXTS))
def test_any_values(client: Client, parameters: dict[str, str]) -> None:
    send(client, json.dumps(parameters).encode(), "application/json")


@fuzz
@given(user_data=st.dictionaries(NAMES, TEXTS, max_size=8))
def test_user_data_arrives_as_it_was_sent(
    client: Client, service: ConfiguredService, user_data: dict[str, str]
) -> None:
    parameters = {"_customer_number": "5115", **user_data}
    assume(not any("\r\n--x" in value for value in user_data.values()))
    bodies = [
        json.dumps(parameters).encode(),
        urlencode(parameters, quote_via=quote_plus).encode(),
        multipart("x", parameters),
    ]
    for content_type, body in zip(TYPES, bodies, strict=True):
        response = send(client, body, content_type)
        assert response.status_code == 200, response.content
        assert Callback.objects.get(pk=response.json()["_id"]).user_data == user_data


@fuzz
@given(query=st.text(st.characters(max_codepoint=255), max_size=80))
def test_any_query(client: Client, query: str) -> None:
    for path in ("/genesys/1/service/callback", IMMEDIATE):
        assert client.generic("GET", path, QUERY_STRING=query).status_code in {200, 400}


@fuzz
@given(
    key=st.sampled_from(["_id", "_customer_number", "_callback_state", "_service_name", "operand"]),
    value=st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
)
def test_any_property(client: Client, key: str, value: str) -> None:
    for path in ("/genesys/1/service/callback", IMMEDIATE):
        assert client.get(path, {key: value}).status_code in {200, 400}


@fuzz
@given(
    path=st.sampled_from(
        [f"{IMMEDIATE}/availability", f"{IMMEDIATE.replace('/1/', '/2/')}/availability", HOURS, PLACES]
    ),
    query=st.dictionaries(
        st.sampled_from(
            [
                *("start", "end", "start-ms", "end-ms", "number-of-days", "max-time-slots", "timestamp", "timezone"),
                *("report-busy", "_customer_timezone", "_customer_number", "_"),
            ]
        ),
        st.sampled_from(["2026-07-30T15:00:00.000Z", "2026-08-30T15:00:00", "1406647599350", "7", "true", "UTC"])
        | st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
        max_size=4,
    ),
)
def test_any_question_about_times(client: Client, path: str, query: dict[str, str]) -> None:
    make_office(_bh_regular1="Mon-Sun 00:00-24:00")
    make_capacity(_capacity_1='{"1": {"0900": 4}}')
    try:
        assert client.get(path, query).status_code in {200, 400}
    finally:
        ConfiguredService.objects.exclude(type="callback").delete()


@fuzz
@given(
    changes=st.dictionaries(
        st.sampled_from(["_new_desired_time", "_desired_time", "_callback_state", "_customer_timezone", *SEED_2]),
        TEXTS | st.sampled_from(["", "true", "5115", "SCHEDULED", "voice", "UTC"]),
        max_size=4,
    )
)
def test_any_change(client: Client, changes: dict[str, str]) -> None:
    """What is refused changes nothing; what is not, holds what was sent."""
    known = client.post(IMMEDIATE, {"_customer_number": "5115", "_wait_for_agent": "true"}).json()["_id"]
    before = Callback.objects.values("user_data", "properties", "overrides", "desired_at").get(pk=known)

    response = client.put(f"{IMMEDIATE}/{known}", json.dumps(changes), content_type="application/json")

    after = Callback.objects.values("user_data", "properties", "overrides", "desired_at").get(pk=known)
    if response.status_code == 200:
        sent = {key: value for key, value in changes.items() if not key.startswith("_") and value.strip()}
        assert after["user_data"] == sent
    else:
        assert response.status_code == 400, response.content
        assert after == before
