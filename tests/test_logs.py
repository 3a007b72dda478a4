"""Log lines: what they are about stands on each, and nobody's number, key or password on any."""

from __future__ import annotations

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.contextvars import bound_contextvars, clear_contextvars

from callbacks import actions, tasks
from callbacks.audit import run
from callbacks.models import Callback, Pending
from callbacksite import logs
from scheduling import kick
from services.models import START, ApiKey
from telephony import matching, switches
from telephony.switch import Unavailable
from telephony.tasks import match_agent
from tests.world import HUMAN, World

CALLBACK = "369-f5d50ce1-0123-4567-8901-234567890123"


@contextmanager
def logged(form: str = "json") -> Iterator[Lines]:
    """What is logged meanwhile, as a process of production writes it."""
    configuration = logs.configuration(form=form, level="INFO")
    stream = io.StringIO()
    configuration["handlers"]["stderr"]["stream"] = stream
    root = logging.getLogger()
    before = root.handlers[:], root.level
    logging.config.dictConfig(configuration)
    clear_contextvars()
    yield Lines(stream)
    clear_contextvars()
    root.handlers[:], root.level = before


class Lines:
    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    def of(self, logger: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self.text.splitlines()) if line["logger"] == logger]

    def only(self, logger: str) -> dict[str, Any]:
        (line,) = self.of(logger)
        return line


# What a line is about


@pytest.mark.django_db(transaction=True)
def test_each_line_of_a_callback_names_it() -> None:
    """The switch cannot now; then an event cannot be handled, and its number is in the error."""
    world = World()
    callback = world.start()
    with logged() as lines, mock.patch.object(switches, "connect", side_effect=Unavailable(f"no route to {HUMAN}")):
        world.step()
    assert lines.only("telephony.converge") == {
        "event": f"call of {callback.pk}: the switch cannot now, left to the tick: no route to ***32",
        "callback": callback.pk,
        "level": "warning",
        "logger": "telephony.converge",
        "timestamp": mock.ANY,
    }
    Pending.objects.create(
        callback=callback, event={"kind": f"Call {HUMAN}"}, created_at=world.now(), look_at=world.now()
    )
    world.kicks.append(("callbacks.tasks.advance", (callback.pk,)))
    with logged() as lines:
        world.step()
    (line,) = [line for line in lines.of("callbacks.actions") if line["level"] == "error"]
    assert line["callback"] == callback.pk
    assert "KeyError" in line["exception"]
    assert "Call ***32" in line["exception"]
    assert HUMAN not in lines.text


def test_a_task_that_failed_names_its_callback_and_the_next_one_does_not() -> None:
    with logged() as lines:
        with mock.patch.object(actions, "advance", side_effect=RuntimeError(f"no idea what {HUMAN} is")):
            tasks.advance.apply((CALLBACK,))
        with mock.patch.object(run, "audit", side_effect=RuntimeError("no idea")):
            tasks.audit.apply()
    first, second = lines.of("celery.app.trace")
    assert first["callback"] == CALLBACK
    assert "RuntimeError: no idea what ***32 is" in first["exception"]
    assert "callback" not in second


def test_what_follows_a_task_is_not_taken_for_the_same_callback() -> None:
    """An agent is matched within the task that decided about a callback."""

    def decide(*_: object, **__: object) -> None:
        kick.publish(match_agent.name, ("kate",))

    def match(*_: object, **__: object) -> None:
        logging.getLogger("telephony").warning("nobody waits")

    with (
        logged() as lines,
        mock.patch.object(actions, "advance", decide),
        mock.patch.object(matching, "match_agent", match),
    ):
        tasks.advance.run(CALLBACK)
    assert "callback" not in lines.only("telephony")


@pytest.mark.django_db(transaction=True)
def test_the_access_log_of_a_start_names_its_callback() -> None:
    world = World()
    _, key = ApiKey.objects.create_key(name="web", scopes=[START])
    with logged() as lines:
        Client().post(
            f"/genesys/1/service/callback/{world.service.name}",
            {"_customer_number": HUMAN},
            headers={"x-api-key": key},
        )
        logging.getLogger("gunicorn.access").info("POST … 200")
    assert lines.only("gunicorn.access")["callback"] == Callback.objects.get().pk


@pytest.mark.parametrize(
    ("text", "callback"),
    [
        (f'10.0.0.1 "DELETE /genesys/1/service/callback/billing/{CALLBACK}" 200', CALLBACK),
        (f"leg cb-{CALLBACK}-customer-1 could not be sent into detection", CALLBACK),
        (f"broker unavailable, callbacks.tasks.advance of {CALLBACK} is left to the tick", CALLBACK),
        (f"{CALLBACK} and 1{CALLBACK}", None),
        ("Task callbacks.tasks.advance[f5d50ce1-0123-4567-8901-234567890123] received", None),
    ],
)
def test_a_line_that_names_a_callback_is_found_by_it(text: str, callback: str | None) -> None:
    with logged() as lines:
        logging.getLogger("anybody").warning(text)
    assert lines.only("anybody").get("callback") == callback


@pytest.mark.django_db(transaction=True)
def test_each_line_of_a_request_names_it_and_the_answer_does() -> None:
    world = World()
    _, key = ApiKey.objects.create_key(name="web", scopes=[START])
    url = f"/genesys/1/service/callback/{world.service.name}"
    failing = OperationalError(f"DETAIL: Key (number)=({HUMAN})")
    with logged() as lines, mock.patch.object(actions, "start", side_effect=failing):
        response = Client().post(
            url, {"_customer_number": HUMAN}, headers={"x-api-key": key, "X-Request-ID": "from-the-proxy-1"}
        )
    assert response.status_code == 503
    assert response["X-Request-ID"] == "from-the-proxy-1"
    written = [*lines.of("callbacks.api.errors"), *lines.of("django.request")]
    assert len(written) == 2
    assert {line["request"] for line in written} == {"from-the-proxy-1"}
    assert HUMAN not in lines.text
    assert key not in lines.text


@pytest.mark.django_db
def test_a_request_id_is_neither_a_strangers_text_nor_that_of_the_last_request() -> None:
    with logged() as lines:
        ids = [Client().get("/nowhere", headers={"X-Request-ID": "a b {}"})["X-Request-ID"] for _ in range(2)]
        Client().get("/readyz/nothing")
    assert [len(each) for each in ids] == [32, 32]
    assert [line.get("request") for line in lines.of("django.request")] == [*ids, None]
    assert ids[0] != ids[1]


def test_a_text_line_is_for_people() -> None:
    with logged("text") as lines, bound_contextvars(callback=CALLBACK):
        logging.getLogger("telephony").warning("Dialling %s", HUMAN)
    stamp, rest = lines.text.split(" ", 1)
    assert stamp.endswith("Z")
    assert rest == f"WARNING telephony Dialling ***32 callback={CALLBACK}\n"


def test_lines_of_the_web_server_and_of_django_go_the_same_way() -> None:
    names = ("gunicorn.access", "gunicorn.error", "django.server", "celery.worker", "py.warnings")
    with logged() as lines:
        for name in names:
            logging.getLogger(name).error('"GET /callbacks/?_customer_number=5115&usr_name=Bob HTTP/1.1" 200')
    for name in names:
        assert lines.only(name)["event"] == '"GET /callbacks/?_customer_number=***&usr_name=*** HTTP/1.1" 200'
    assert len(lines.text.splitlines()) == 5


def test_fields_are_masked_by_their_name_and_by_their_value() -> None:
    line = {
        "event": "x",
        "callback": CALLBACK,
        "customer_number": "5115",
        "Authorization": "Bearer abc",
        "seconds": 0.1234567,
        "count": 123456,
        "big": 916504661232,
        HUMAN: 1,
        "nested": {"phones": ["+1 650 466 1232"], HUMAN: (HUMAN, None, True)},
    }
    assert logs.mask_fields(None, "info", line) == {
        "event": "x",
        "callback": CALLBACK,
        "customer_number": "***",
        "Authorization": "***",
        "seconds": 0.1234567,
        "count": 123456,
        "big": "***32",
        "***32": 1,
        "nested": {"phones": "***", "***32": ["***32", None, True]},
    }


# The masker


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Dialling 916504661232.", "Dialling ***32."),
        ("+1 (650) 466-1232", "***32"),
        ("0049 89/1234-567 rang", "***67 rang"),
        ("PJSIP/916504661232@trunk, sip:916504661232@10.0.0.1:5060", "PJSIP/***32@trunk, sip:***32@10.0.0.1:5060"),
        ("/callbacks?n=%2B916504661232", "/callbacks?n=%2B***32"),
        ("Session(number='5115', stage='ringing')", "Session(number=***, stage='ringing')"),
        ('{"_customer_number": "5115", "usr_reason": "a bill"}', '{"_customer_number": ***, "usr_reason": ***}'),
        ("x-api-key: M1leWsoz.kymIUFXaZ3ToxpggmKxppNG1RoP2uYIn", "x-api-key: ***"),
        ("key M1leWsoz.kymIUFXaZ3ToxpggmKxppNG1RoP2uYIn is gone", "key M1leWsoz.*** is gone"),
        ("{'HTTP_AUTHORIZATION': 'Bearer abc.def'}", "{'HTTP_AUTHORIZATION': ***}"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: ***"),
        ("redis://:s3cret@redis:6379/0", "redis://:***@redis:6379/0"),
        ("postgres://site:s%2Fcret@db/callbacks", "postgres://site:***@db/callbacks"),
        (f'"POST /a/{CALLBACK}/0a1b2c3d4e5f6a7b8c9d/" 302', f'"POST /a/{CALLBACK}/***/" 302'),
        (
            f"Forbidden (CSRF cookie not set.): /a/{CALLBACK}/0a1b2c3d4e5f6a7b8c9d/",
            f"Forbidden (CSRF cookie not set.): /a/{CALLBACK}/***/",
        ),
    ],
)
def test_what_is_nobodys_business_is_hidden(text: str, masked: str) -> None:
    assert logs.mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        f"callback {CALLBACK} is left to the tick",
        f"leg cb-{CALLBACK}-customer-1: list 3 cannot be played",
        "369-00000000-0000-4000-8000-000000000000",
        "2026-11-22T04:19:04.123456Z 2026-11-22 04:19:04,123 at 04:19:04.123456",
        "No events from Asterisk at http://192.168.178.200:8088",
        'File "/srv/callbacksite/telephony/converge.py", line 123, in converge',
        "SIP_Switch: listening, epoch 123456",
        # What the console says in place of a text message: for trials somebody has to follow it.
        f"text message to ***32: Call you now? https://calls.example/a/{CALLBACK}/0a1b2c3d4e5f6a7b8c9d/",
    ],
)
def test_what_operators_need_stays(text: str) -> None:
    assert logs.mask(text) == text


# The machine may be busy; that says nothing about the masker.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

SEPARATORS = st.sampled_from(["", "", " ", "-", ".", "/", " (", ") "])
NUMBERS = st.builds(
    lambda plus, parts: (plus + "".join(digit + separator for digit, separator in parts)).rstrip(" -./()"),
    st.sampled_from(["", "+"]),
    st.lists(st.tuples(st.sampled_from("0123456789"), SEPARATORS), min_size=7, max_size=15),
)
# What may stand beside a number in a line; digits there would belong to another thing.
AROUND = st.text(st.characters(exclude_categories=["Nd", "No", "Nl", "Cs"]), max_size=30)


def digits(text: str) -> str:
    return "".join(character for character in text if character in "0123456789")


@pytest.mark.parametrize("number", ["00.0.0.00 0", "10.0.0.10 0", "2026-11-22 0", "2026-11-2204"])
def test_what_goes_on_behind_an_address_or_a_day_is_a_number(number: str) -> None:
    assert len(digits(logs.mask(number))) <= 2


@patient
@given(before=AROUND, number=NUMBERS, after=AROUND)
def test_no_number_gets_through_however_it_is_written(before: str, number: str, after: str) -> None:
    kept = logs._NUMBER.fullmatch(number)
    if kept and kept["kept"]:
        return  # 200.100.50.25 is an address, 2026-11-22 a day
    assert len(digits(logs.mask(f"{before} {number} {after}"))) <= 2


@patient
@given(st.text(max_size=200))
def test_masking_twice_is_masking_once_and_never_fails(text: str) -> None:
    once = logs.mask(text)
    assert logs.mask(once) == once


@patient
@given(before=st.text(max_size=50), number=st.from_regex(r"[0-9]{7,15}", fullmatch=True), after=st.text(max_size=50))
def test_a_plain_number_gets_through_nowhere(before: str, number: str, after: str) -> None:
    text = f"{before}{number}{after}"
    assert number not in logs.mask(text)
