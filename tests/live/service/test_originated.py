"""Customers call us on a real Asterisk: known by their number or by a code that they type, and joined to an agent."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

from telephony import inbound
from telephony.asterisk.client import playback_id
from tests.live import audio
from tests.live.asterisk import SOUNDS, Asterisk
from tests.live.centre import Centre
from tests.live.phones import Phone, Phones
from tests.live.service.tones import AGENT, CONNECT, CUSTOMER, WAITING
from tests.live.sipp import Calling

pytestmark = pytest.mark.live

NUMBER = "18005550100"
CALLS_US = {"_call_direction": "USERORIGINATED", "_booking_expiration_timeout": "60"}
TALK = ["held", "expecting", "greeting", "waiting", "connecting", "joining", "talking", "ended"]


def heard_in(phone: Phone, file: str) -> bool:
    """Whether the phone heard the file, to its end."""
    heard, sound = phone.heard(), audio.read(SOUNDS / file)
    end = sound.part(max(0, sound.seconds - 2), sound.seconds)
    return heard.find(sound)[0] > 0.8 and heard.find(end)[0] > 0.8


def let_finish(centre: Centre, asterisk: Asterisk, file: str) -> None:
    """Until this has been played to whoever called."""
    told = "SELECT leg, said FROM telephony_arrivedcall WHERE says = %s AND said = number"
    centre.eventually(lambda: bool(centre.query(told, file)), 30)
    [(leg, number)] = centre.query(told, file)
    playback = f"/playbacks/{quote(playback_id(leg, number), safe='')}"
    centre.eventually(lambda: asterisk.get(playback).status_code == httpx2.codes.NOT_FOUND, 30)
    time.sleep(0.5)  # what the phone still has in its buffer


def until_nobody_is_on_the_line(centre: Centre, asterisk: Asterisk) -> None:
    centre.eventually(lambda: not centre.number("SELECT count(*) FROM telephony_arrivedcall"), 20)
    centre.eventually(lambda: not asterisk.channels(), 10)


def test_a_customer_calls_the_number_hears_the_treatments_and_talks_to_an_agent(
    centre: Centre, asterisk: Asterisk, phones: Phones, voices: dict[str, Path]
) -> None:
    centre.begin(**CALLS_US)
    centre.pool(NUMBER)
    ann = phones.customer(play=voices["caller"])
    kate = phones.agent("kate", answer_after=0.3, play=voices["agent"])
    dialog = centre.ask(ann.number)
    assert (dialog["_action"], dialog["_tel_url"]) == ("DialNumber", f"tel:{NUMBER}")
    callback = dialog["_id"]
    ann.call(asterisk.address_of(NUMBER))
    centre.until_stage(callback, "waiting")
    time.sleep(1.5)
    centre.query("UPDATE telephony_agent SET state = 'ready' WHERE name = 'kate'")
    centre.until_stage(callback, "talking")
    time.sleep(4)
    ann.hang_up()
    assert centre.outcome(callback) == ("COMPLETED", "AGENT_CONNECTED"), centre.story(callback)
    assert centre.stages(callback) == TALK
    assert centre.results(callback) == ["USERORIGINATED_CONNECTED"]
    heard = ann.heard()
    first = heard.first_sound()
    assert first is not None
    assert first < 2, "whoever is on the line hears something within two seconds"
    assert heard.seconds_of_tone(CONNECT) >= 0.8
    assert heard.seconds_of_tone(WAITING) >= 1
    assert heard.seconds_of_tone(AGENT) >= 2.5
    assert kate.heard().seconds_of_tone(CUSTOMER) >= 1
    assert ann.calls == 0, "nobody rang her"


def test_a_wrong_code_and_then_the_right_one(
    centre: Centre, asterisk: Asterisk, phones: Phones, voices: dict[str, Path]
) -> None:
    centre.begin("kate", **CALLS_US, _provide_code="true", _access_code_length="4")
    centre.pool(NUMBER)
    ann = phones.customer(play=voices["caller"])
    phones.agent("kate", answer_after=0.3, play=voices["agent"])
    dialog = centre.ask("4930999000")
    callback, code = dialog["_id"], dialog["_access_code"]
    assert dialog["_tel_url"] == f"tel:{NUMBER},,{code}"
    ann.call(asterisk.address_of(NUMBER))
    let_finish(centre, asterisk, inbound.ENTER_CODE)
    ann.press(f"{(int(code) + 1) % 10_000:04}")
    let_finish(centre, asterisk, inbound.WRONG_CODE)
    ann.press(code)
    centre.until_stage(callback, "talking")
    time.sleep(2)
    ann.hang_up()
    assert centre.outcome(callback) == ("COMPLETED", "AGENT_CONNECTED"), centre.story(callback)
    assert heard_in(ann, inbound.ENTER_CODE), "she was asked for the code"
    assert heard_in(ann, inbound.WRONG_CODE)
    assert ann.heard().seconds_of_tone(AGENT) >= 1


def test_sipp_calls_and_types_its_code(
    centre: Centre, asterisk: Asterisk, phones: Phones, voices: dict[str, Path], tmp_path: Path
) -> None:
    centre.begin("kate", **CALLS_US, _provide_code="true")
    centre.pool(NUMBER)
    phones.agent("kate", answer_after=0.3, play=voices["agent"], hang_up_after=2)
    dialog = centre.ask("4930999001")
    callback, code = dialog["_id"], dialog["_access_code"]
    assert len(code) == 6
    host = f"{asterisk.address}:{asterisk.sip_port}"
    with Calling(host, "4930999001", NUMBER, code, tmp_path) as caller:
        assert centre.outcome(callback) == ("COMPLETED", "AGENT_CONNECTED"), centre.story(callback)
        assert caller.finished()
    assert centre.stages(callback) == TALK


def test_whoever_is_not_expected_hears_so_and_is_hung_up(centre: Centre, asterisk: Asterisk, phones: Phones) -> None:
    centre.begin(**CALLS_US)
    centre.pool(NUMBER)
    eve = phones.customer()
    eve.call(asterisk.address_of(NUMBER))
    eve.wait("ended", timeout=25)
    assert heard_in(eve, inbound.NOT_KNOWN), "to its end"
    until_nobody_is_on_the_line(centre, asterisk)


def test_the_telephony_process_is_killed_while_somebody_calls(
    centre: Centre, asterisk: Asterisk, phones: Phones, voices: dict[str, Path]
) -> None:
    """Asterisk holds the caller meanwhile; whoever listens next finds them."""
    centre.begin(**CALLS_US)
    centre.pool(NUMBER)
    ann = phones.customer(play=voices["caller"])
    callback = centre.ask(ann.number)["_id"]
    centre.kill("telephony")
    ann.call(asterisk.address_of(NUMBER))
    time.sleep(1)
    centre.start("telephony")
    centre.until_stage(callback, "waiting", 40)
    time.sleep(1)
    ann.hang_up()
    assert centre.outcome(callback) == ("COMPLETED", "FAIL_INTERACTION_DELETED"), centre.story(callback)
    assert ann.heard().seconds_of_tone(WAITING) >= 0.5
    assert heard_in(ann, "one_moment.wav"), "she was told to wait"
