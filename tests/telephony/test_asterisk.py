"""Asterisk's words and ours, without an Asterisk; tests/live has the real one."""

from __future__ import annotations

import itertools
import json
import wave
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.asterisk import AsteriskSwitch, connect
from telephony.asterisk.causes import TRUNK_CAUSES, UNANSWERED, end_cause
from telephony.asterisk.client import leg_and_number, media_of, playback_id
from telephony.asterisk.headers import headers
from telephony.asterisk.translate import BeepOver, Detect, Fact, Replaced, Translator
from telephony.switch import (
    Answered,
    Arrived,
    Created,
    Dialling,
    Digit,
    EndCause,
    Ended,
    EnteredBridge,
    LegRequest,
    Progress,
    Rejected,
    Ringing,
    Sounds,
    SoundsFinished,
    Unavailable,
    Verdict,
)

ROW = SimpleNamespace(
    ari_url="http://127.0.0.1:8088/",
    ari_user="callbacksite",
    ari_password="secret",
    ari_app="callbacksite",
    detection_context="callbacksite-cpd",
    sound_prefix="callbacksite",
)
LEG = "cb-369-1-customer-1"
SOUNDS = Path(__file__).resolve().parents[2] / "telephony" / "sounds"
# include/asterisk/causes.h of Asterisk 22.
CAUSES = (
    "0 1 2 3 5 6 7 8 14 16 17 18 19 20 21 22 23 26 27 28 29 30 31 34 38 41 42 43 44 50 52 54 57 58 65 66 69 81 88 95 96"
    " 97 98 99 100 101 102 103 111 127"
)


def channel(
    state: str = "Down", app_data: str = "callbacksite,leg", app: str = "Stasis", leg: str = LEG
) -> dict[str, Any]:
    return {"id": leg, "state": state, "dialplan": {"app_name": app, "app_data": app_data}}


def started(*args: str) -> dict[str, Any]:
    return {"type": "StasisStart", "args": list(args), "channel": channel(app_data=",".join(["callbacksite", *args]))}


def dial(status: str = "") -> dict[str, Any]:
    return {"type": "Dial", "dialstatus": status, "peer": channel()}


def state(name: str, app_data: str = "callbacksite,leg") -> dict[str, Any]:
    return {"type": "ChannelStateChange", "channel": channel(name, app_data)}


def hangup(**more: object) -> dict[str, Any]:
    return {"type": "ChannelHangupRequest", "channel": channel(), **more}


def destroyed(cause: int, text: str, **more: object) -> dict[str, Any]:
    return {"type": "ChannelDestroyed", "channel": channel(), "cause": cause, "cause_txt": text, **more}


def finished(number: int, result: str = "done") -> dict[str, Any]:
    return {"type": "PlaybackFinished", "playback": {"id": playback_id(LEG, number), "state": result}}


def stopped(number: int) -> dict[str, Any]:
    words = {"eventname": "CallbacksiteStop", "stopped": playback_id(LEG, number)}
    return {"type": "ChannelUserevent", "eventname": "CallbacksiteStop", "userevent": words}


def told(*events: dict[str, Any], translator: Translator | None = None) -> list[Fact]:
    translator = translator or Translator("callbacksite")
    return list(itertools.chain.from_iterable(translator.read(event) for event in events))


@pytest.mark.parametrize("cause", range(-1, 256))
def test_every_cause_has_a_word(cause: int) -> None:
    for rang, spoke in itertools.product((False, True), repeat=2):
        assert end_cause(cause, answered=True, rang=rang, far_end_spoke=spoke) is EndCause.HANGUP
        unanswered = end_cause(cause, answered=False, rang=rang, far_end_spoke=spoke)
        assert isinstance(unanswered, EndCause)
        assert unanswered is not EndCause.HANGUP


def test_every_cause_of_asterisk_is_named() -> None:
    assert sorted(UNANSWERED) == [int(cause) for cause in CAUSES.split()]


@pytest.mark.parametrize(
    ("cause", "rang", "far_end_spoke", "word"),
    [
        (17, False, True, EndCause.BUSY),
        (21, True, True, EndCause.REFUSED),
        (1, False, True, EndCause.REFUSED),
        (19, True, False, EndCause.NO_ANSWER),
        (19, False, False, EndCause.UNREACHABLE),
        (19, False, True, EndCause.NO_ANSWER),  # SIP 480: the phone is off, the trunk is well
        (18, False, True, EndCause.UNREACHABLE),  # SIP 408 comes from our own stack as well
        (16, True, False, EndCause.CANCELLED),
        (77, True, True, EndCause.UNKNOWN),
        *[(cause, rang, True, EndCause.UNREACHABLE) for cause in sorted(TRUNK_CAUSES) for rang in (False, True)],
    ],
)
def test_why_an_unanswered_leg_ended(cause: int, rang: bool, far_end_spoke: bool, word: EndCause) -> None:
    assert end_cause(cause, answered=False, rang=rang, far_end_spoke=far_end_spoke) is word


def test_an_answered_leg_asks_for_detection_once() -> None:
    up = state("Up", "callbacksite,detect")
    assert told(started("detect"), dial(), state("Ringing"), dial("RINGING"), up, dial("ANSWER"), up) == [
        Created(LEG),
        Dialling(LEG),
        Ringing(LEG),
        Answered(LEG),
        Detect(LEG),
    ]


def caller(**more: object) -> dict[str, Any]:
    """A customer's channel, as Asterisk itself named it."""
    return channel("Up", "callbacksite,inbound,18005550100") | {
        "id": "1766412345.17",
        "caller": {"name": "", "number": "4930555012"},
        **more,
    }


ARRIVED = Arrived("1766412345.17", "18005550100", "4930555012")


def test_who_calls_us_arrives_types_and_ends_once() -> None:
    came = {"type": "StasisStart", "args": ["inbound", "18005550100"], "channel": caller()}
    typed = [{"type": "ChannelDtmfReceived", "digit": digit, "channel": caller()} for digit in "4#"]
    left = {"type": "StasisEnd", "channel": caller()}
    gone = {"type": "ChannelDestroyed", "channel": caller(), "cause": 16, "cause_txt": "Normal Clearing"}
    assert told(came, *typed, left, gone) == [
        ARRIVED,
        Digit(ARRIVED.leg, "4"),
        Digit(ARRIVED.leg, "#"),
        Ended(ARRIVED.leg, EndCause.HANGUP, "the customer's call ended"),
    ]


def test_a_channel_that_somebody_else_sends_into_the_application_is_not_ours() -> None:
    translator = Translator("callbacksite")
    strange = caller(dialplan={"app_name": "Stasis", "app_data": "callbacksite,survey"})
    came = {"type": "StasisStart", "args": ["survey"], "channel": strange}
    typed = {"type": "ChannelDtmfReceived", "digit": "1", "channel": strange}
    assert told(came, typed, {"type": "StasisEnd", "channel": strange}, translator=translator) == []
    assert translator.legs == {}


def test_who_called_while_nobody_listened_arrives_with_the_list_once_more() -> None:
    translator = Translator("callbacksite")
    assert list(translator.listed([caller()], set(), connected_anew=True)) == [ARRIVED]
    assert list(translator.listed([caller()], set(), connected_anew=False)) == []
    left = {"type": "StasisEnd", "channel": caller()}
    assert told(left, translator=translator) == [Ended(ARRIVED.leg, EndCause.HANGUP, "the customer's call ended")]
    assert list(translator.listed([caller()], set(), connected_anew=True)) == [], "it has ended"


def test_events_that_overtake_each_other_come_in_the_order_of_the_contract() -> None:
    assert told(started("leg"), state("Ringing"), dial(), dial("RINGING")) == [
        Created(LEG),
        Dialling(LEG),
        Ringing(LEG),
    ]
    assert told(started("leg"), state("Up"), dial(), dial("RINGING")) == [Created(LEG), Dialling(LEG), Answered(LEG)]


def test_nothing_is_told_of_a_leg_after_its_end() -> None:
    end = destroyed(16, "Normal Clearing")
    assert told(started("leg"), end, dial("CANCEL"), state("Ringing"), finished(1)) == [
        Created(LEG),
        Ended(LEG, EndCause.CANCELLED, "Normal Clearing (16)"),
    ]


def test_the_far_ends_answer_is_told_and_our_own_is_not() -> None:
    far = told(started("leg"), dial(), hangup(cause=17, tech_cause=486), destroyed(17, "User busy", tech_cause=486))
    own = told(started("leg"), dial(), hangup(soft=True), destroyed(19, "User alerting, no answer", tech_cause=480))
    assert far[-1] == Ended(LEG, EndCause.BUSY, "User busy (17, SIP 486)")
    assert own[-1] == Ended(LEG, EndCause.UNREACHABLE, "User alerting, no answer (19)")


def test_early_media_counts_as_ringing() -> None:
    assert told(started("leg"), dial(), dial("PROGRESS"), hangup(soft=True), destroyed(19, "No answer"))[2:] == [
        Ringing(LEG),
        Ended(LEG, EndCause.NO_ANSWER, "No answer (19)"),
    ]


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        (("HUMAN", "HUMAN-800-800"), [Progress(LEG, Verdict.HUMAN, "HUMAN-800-800")]),
        (("MACHINE", "MAXWORDS-3-3"), [Progress(LEG, Verdict.MACHINE, "MAXWORDS-3-3")]),
        (("NOTSURE", "TOOLONG-5000"), [Progress(LEG, Verdict.UNSURE, "TOOLONG-5000")]),
        (("FAX", "2100 Hz"), [Progress(LEG, Verdict.FAX, "2100 Hz")]),
        (("SOMETHING", ""), [Progress(LEG, Verdict.UNSURE, "SOMETHING")]),
        ((), [Progress(LEG, Verdict.UNSURE, "")]),
        (("HANGUP", ""), []),
    ],
)
def test_what_detection_says(words: tuple[str, ...], facts: list[Fact]) -> None:
    assert told(started("detect"), started("cpd", *words))[1:] == facts


def test_only_a_list_that_ended_by_itself_is_finished() -> None:
    assert told(started("leg"), finished(1), stopped(2), finished(2), finished(3, "failed"))[1:] == [
        SoundsFinished(LEG, 1),
        SoundsFinished(LEG, 3, failed=True),
    ]
    assert told(started("leg"), hangup(), finished(1))[1:] == []


def test_a_message_that_was_stopped_before_the_beep_is_not_played() -> None:
    assert told(started("leg"), started("beep", "4")) == [Created(LEG), BeepOver(LEG, 4)]
    assert told(started("leg"), stopped(4), started("beep", "4")) == [Created(LEG)]


def test_channels_and_playbacks_of_others_are_not_ours() -> None:
    other = channel(leg="1700000000.1")
    assert told({"type": "StasisStart", "args": [], "channel": other}) == []
    assert told({"type": "PlaybackFinished", "playback": {"id": "a-b-c", "state": "done"}}) == []
    assert leg_and_number("some~thing") is None


def test_a_takeover_is_told_by_an_exception() -> None:
    with pytest.raises(Replaced):
        told({"type": "ApplicationReplaced"})


def test_a_list_after_a_loss_brings_back_what_was_missed() -> None:
    translator = Translator("callbacksite")
    listed = [
        channel("Up", "callbacksite,detect", leg="cb-answered"),
        channel("Up", "callbacksite,cpd,HUMAN,HUMAN-800-800", leg="cb-detected"),
        channel("Up", "", app="AMD", leg="cb-in-detection"),
        channel("Ringing", "callbacksite,detect", leg="cb-ringing"),
        channel("Up", "another,detect", leg="cb-elsewhere"),
    ]
    assert list(translator.listed(listed, set(), connected_anew=True)) == [
        Detect("cb-answered"),
        Progress("cb-detected", Verdict.HUMAN, "HUMAN-800-800"),
    ]
    assert translator.legs["cb-ringing"].rang
    late = {"type": "ChannelStateChange", "channel": listed[0]}
    assert told(late, translator=translator) == []


@pytest.mark.parametrize(
    ("since", "cause", "word"),
    [
        ([], 19, EndCause.UNKNOWN),  # it may have been announced (183) while nobody listened
        ([], 34, EndCause.UNREACHABLE),
        ([dial()], 19, EndCause.UNREACHABLE),  # dialled since then, and nothing came
        ([dial("PROGRESS")], 19, EndCause.NO_ANSWER),
    ],
)
def test_whether_a_leg_rang_while_nobody_listened_is_not_guessed(
    since: list[dict[str, Any]], cause: int, word: EndCause
) -> None:
    translator = Translator("callbacksite")
    assert list(translator.listed([channel("Down")], set(), connected_anew=True)) == []
    assert told(*since, destroyed(cause, "ended"), translator=translator)[-1] == Ended(LEG, word, f"ended ({cause})")


def test_a_periodic_list_takes_nothing_from_the_events_that_are_on_their_way() -> None:
    translator = Translator("callbacksite")
    assert list(translator.listed([channel("Up", "callbacksite,detect")], set(), connected_anew=False)) == []
    assert told(started("detect"), state("Up", "callbacksite,detect"), translator=translator)[-1] == Detect(LEG)


def test_bridges() -> None:
    entered = {"type": "ChannelEnteredBridge", "channel": channel("Up"), "bridge": {"id": "cb-1"}}
    assert told(started("leg"), entered)[1:] == [EnteredBridge(LEG, "cb-1")]


@pytest.mark.parametrize(
    ("file", "media"),
    [
        ("SampleTreatments/next_customer_rep.wav", "sound:callbacksite/SampleTreatments/next_customer_rep"),
        ("/GMSApplications/hold.music", "sound:callbacksite/GMSApplications/hold.music"),
        ("Busy.WAV", "sound:callbacksite/Busy"),
        ("//host/a.wav", "sound:callbacksite/host/a"),
    ],
)
def test_a_treatment_is_found_below_the_prefix(file: str, media: str) -> None:
    assert media_of("callbacksite", file) == media


@pytest.mark.parametrize(
    "file",
    [
        "../../etc/passwd",
        "a/../../b",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "recording:a",
        "..\\a",
        "%2e%2e/a",
        "a\0b",
        "",
        "/",
    ],
)
def test_a_treatment_outside_the_prefix_is_refused(file: str) -> None:
    """Options are checked when they are saved; this is the second wall."""
    with pytest.raises(Rejected):
        media_of("callbacksite", file)


@given(st.text(max_size=40))
def test_no_text_leads_out_of_the_prefix(file: str) -> None:
    try:
        media = media_of("callbacksite", file)
    except Rejected:
        return
    path = media.removeprefix("sound:callbacksite/")
    assert media == f"sound:callbacksite/{path}"
    assert ".." not in path.split("/")
    assert ":" not in path


class FakeAri:
    """Answers as it is told and keeps what it was asked."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx2.Request] = []
        self.switch = AsteriskSwitch(ROW, httpx2.MockTransport(self.answer))

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def says(code: int, message: str = "") -> httpx2.Response:
    return httpx2.Response(code, json={"message": message})


ACTS: dict[str, Callable[[AsteriskSwitch], object]] = {
    "create": lambda switch: switch.create_leg(LegRequest(LEG, "PJSIP/1@trunk")),
    "dial": lambda switch: switch.dial_leg(LEG, timeout=5),
    "delete": lambda switch: switch.delete_leg(LEG),
    "play": lambda switch: switch.play(LEG, Sounds(1, ("a",))),
    "stop": lambda switch: switch.stop(LEG, 1),
    "join": lambda switch: switch.join("cb-b", (LEG,)),
    "hold": lambda switch: switch.hold("cb-b", LEG),
    "close": lambda switch: switch.close_bridge("cb-b"),
    "list": lambda switch: switch.list_legs(),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    "trouble",
    [httpx2.ConnectTimeout("no"), httpx2.ReadTimeout("no"), httpx2.RemoteProtocolError("no"), says(401), says(503)],
    ids=["connect", "read", "cut off", "login", "overload"],
)
def test_a_switch_in_trouble_is_unavailable(act: str, trouble: httpx2.Response | Exception) -> None:
    ari = FakeAri(trouble, *[says(503)] * 3)
    with pytest.raises(Unavailable):
        ACTS[act](ari.switch)


def test_an_agents_phone_is_given_the_attached_data_before_it_rings() -> None:
    ari = FakeAri(httpx2.Response(200))
    ari.switch.create_leg(LegRequest(LEG, "PJSIP/kate", attached=(("usr_reason", "billing"), ("Kunden Nr.", "5"))))
    assert ari.asked[0].url.path == "/ari/channels/create"
    variables = json.loads(ari.asked[0].content)["variables"]
    assert {name: value for name, value in variables.items() if "HEADER" in name} == {
        "PJSIP_HEADER(add,X-usr_reason)": "billing",
        "PJSIP_HEADER(add,X-Kunden-Nr.)": "5",
    }


def test_another_phone_rings_without_the_data_and_the_log_does_not_hold_them(caplog: pytest.LogCaptureFixture) -> None:
    ari = FakeAri(httpx2.Response(200), httpx2.Response(200))
    ari.switch.create_leg(LegRequest(LEG, "IAX2/kate", attached=(("usr_reason", "billing"),)))
    assert "HEADER" not in ari.asked[0].content.decode()
    ari.switch.create_leg(LegRequest(LEG, "PJSIP/kate", attached=(("usr_reason", "billing" * 1000),)))
    assert [record.getMessage() for record in caplog.records if record.name.startswith("telephony")] == [
        f"leg {LEG}: not a SIP phone, it is not given the attached data",
        f"leg {LEG}: 1 of 1 attached texts are cut or left out",
    ]


@pytest.mark.parametrize(
    ("attached", "made", "short"),
    [
        ([], [], 0),
        ([("usr_reason", " billing\n")], [("X-usr_reason", "billing")], 0),
        ([("a", ""), ("b", " \t ")], [], 0),
        ([("Kunde:\r\nNr", "a\r\n\u2028b\x85c")], [("X-Kunde---Nr", "a b c")], 0),
        ([("k" * 128, "v")], [("X-" + "k" * 64, "v")], 0),
        ([("a b", "first"), ("a-b", "second")], [("X-a-b", "first")], 1),
        # 999 bytes of two-byte letters and no half one.
        ([("k", "x" + "ü" * 600)], [("X-k", "x" + "ü" * 499)], 1),
        ([("a", "v" * 1000), ("b", "v" * 1000), ("c", "v")], [("X-a", "v" * 1000), ("X-b", "v" * 994)], 2),
    ],
    ids=["none", "one", "empty", "lines", "long name", "same name", "long text", "no more room"],
)
def test_attached_data_as_headers(attached: list[tuple[str, str]], made: list[tuple[str, str]], short: int) -> None:
    assert headers(attached) == (tuple(made), short)


def test_only_old_and_empty_bridges_of_ours_are_deleted() -> None:
    now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    old, young = "2026-03-02T11:58:59.000+0000", "2026-03-02T11:59:01.000+0000"
    bridges = [
        {"id": "cb-1-bridge-1", "channels": [], "creationtime": old},
        {"id": "cb-2-bridge-1", "channels": [LEG], "creationtime": old},
        {"id": "cb-3-bridge-1", "channels": [], "creationtime": young},
        {"id": "conference", "channels": [], "creationtime": old},
    ]
    ari = FakeAri(httpx2.Response(200, json=bridges), httpx2.Response(204))
    ari.switch.ari.delete_empty_bridges(now)
    assert [(request.method, request.url.path) for request in ari.asked] == [
        ("GET", "/ari/bridges"),
        ("DELETE", "/ari/bridges/cb-1-bridge-1"),
    ]


def test_a_dial_is_repeated_until_the_leg_is_in_the_application() -> None:
    outside = says(409, "Channel not in Stasis application")
    ari = FakeAri(outside, outside, httpx2.Response(204))
    ari.switch.dial_leg(LEG, timeout=7)
    assert [request.url.raw_path for request in ari.asked] == [f"/ari/channels/{LEG}/dial?timeout=7".encode()] * 3


def test_a_dial_of_a_leg_that_rings_is_done() -> None:
    FakeAri(says(409, "Channel is not in the 'Down' state")).switch.dial_leg(LEG, timeout=7)


@pytest.mark.parametrize(
    ("act", "answers"),
    [
        ("create", [says(409)]),
        ("delete", [says(404)]),
        ("play", [says(200)]),
        ("stop", [says(404), says(404)]),
        ("join", [says(409), httpx2.Response(200, json={"channels": [LEG]})]),
        ("hold", [says(422)]),
        ("close", [says(404)]),
    ],
)
def test_what_is_done_already_is_a_success(act: str, answers: list[httpx2.Response]) -> None:
    ari = FakeAri(*answers)
    ACTS[act](ari.switch)
    assert ari.answers == []


def test_a_looped_list_outlasts_our_processes_and_fits_into_a_request() -> None:
    ari = FakeAri(says(404), httpx2.Response(201))
    ari.switch.play(LEG, Sounds(3, ("SampleTreatments/next_customer_rep.wav",), loop=True))
    body = ari.asked[1].content
    with wave.open(str(SOUNDS / "SampleTreatments" / "next_customer_rep.wav")) as file:
        seconds = file.getnframes() / file.getframerate()
    assert len(body) < 40_000
    assert len(json.loads(body)["media"]) * seconds > 2 * 3600


def test_one_client_a_process_and_settings() -> None:
    other = SimpleNamespace(**{**vars(ROW), "ari_password": "changed"})
    assert connect(ROW) is connect(SimpleNamespace(**vars(ROW)))
    assert connect(ROW) is not connect(other)
