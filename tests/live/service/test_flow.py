"""A callback requested over HTTP rings a real phone and is joined to an agent: the whole service, SIP and audio."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.live import audio
from tests.live.asterisk import SOUNDS, Asterisk
from tests.live.centre import STAND_BY, Centre
from tests.live.phones import Phones
from tests.live.service.tones import AGENT, CONNECT, CUSTOMER, WAITING

pytestmark = pytest.mark.live

TALK = ["held", "dialling", "ringing", "detecting", "greeting", "waiting", "connecting", "joining", "talking", "ended"]


def test_a_human_hears_the_treatments_and_talks_to_an_agent(
    centre: Centre, asterisk: Asterisk, phones: Phones, voices: dict[str, Path]
) -> None:
    centre.begin(_retain_session_until_ixn_deleted="true")
    ann = phones.customer(answer_after=0.5, play=voices["customer"])
    kate = phones.agent("kate", answer_after=0.5, play=voices["agent"])
    callback = centre.request(ann.number)
    centre.until_stage(callback, "waiting")
    time.sleep(2)  # she hears the waiting treatment
    centre.query("UPDATE telephony_agent SET state = 'ready' WHERE name = 'kate'")
    centre.until_stage(callback, "talking")
    state = centre.query("SELECT state FROM callbacks_callback WHERE id = %s", callback)
    assert state == [("PROCESSING",)]
    assert centre.cancel(callback).status_code == 400
    time.sleep(4)  # they talk
    ann.hang_up()

    assert centre.outcome(callback) == ("COMPLETED", "AGENT_CONNECTED"), centre.story(callback)
    assert centre.stages(callback) == TALK
    assert centre.results(callback) == ["PERSON"]
    assert centre.results(callback, "agent") == ["CONNECTED"]
    assert centre.agent("kate") == ("wrap_up", "")
    assert ann.calls == 1
    heard = ann.heard()
    assert heard.seconds_of_tone(CONNECT) >= 0.8, "she heard the connect treatment"
    assert heard.seconds_of_tone(WAITING) >= 1.5, "she heard the waiting treatment"
    assert heard.seconds_of_tone(AGENT) >= 2.5, "she heard the agent"
    assert kate.heard().seconds_of_tone(CUSTOMER) >= 2, "the agent heard her"
    assert kate.heard().seconds_of_tone(WAITING) == 0, "the agent did not hear her music"


def test_a_recognised_human_hears_something_within_two_seconds(
    centre: Centre, asterisk: Asterisk, phones: Phones, voices: dict[str, Path]
) -> None:
    centre.begin()
    ann = phones.customer(play=voices["hello"], hang_up_after=7)
    callback = centre.request(ann.number)
    assert centre.outcome(callback) == ("COMPLETED", "FAIL_INTERACTION_DELETED"), centre.story(callback)
    detected = centre.query(
        "SELECT extract(epoch FROM at) FROM callbacks_journalentry WHERE callback_id = %s AND kind = 'detected'",
        callback,
    )[0][0]
    first = ann.heard().first_sound()
    assert first is not None
    assert ann.wait("answered")["t"] + first - float(detected) < 2


def test_an_answering_machine_gets_the_message_after_its_beep(
    centre: Centre, asterisk: Asterisk, phones: Phones, voices: dict[str, Path]
) -> None:
    message = "SampleTreatments/call_fail_ans_machine.wav"
    centre.begin(
        "kate",
        _treatment_call_failure_answering_machine=json.dumps({"file": message, "hints": {"am-beep-detection": "on"}}),
    )
    machine = phones.customer(play=voices["machine"])
    callback = centre.request(machine.number)
    assert centre.outcome(callback, 60) == ("COMPLETED", "FAIL_CALL_TO_CUSTOMER"), centre.story(callback)
    assert centre.results(callback) == ["ANSWERING_MACHINE"]
    assert centre.stages(callback)[3:5] == ["detecting", "message"]
    found, at = machine.heard().find(audio.read(SOUNDS / message))
    assert found > 0.8, "the machine recorded the whole message"
    assert at > audio.read(voices["machine"]).seconds, "after the beep"
    assert centre.agent("kate") == ("ready", "")


@pytest.mark.parametrize(
    ("behaviour", "result"),
    [
        ({"code": 486}, "BUSY"),
        ({"answer_after": None}, "NO_ANSWER"),
        ({"code": 603}, "CREATE_CALL_ERROR"),
    ],
    ids=["busy", "no answer", "refused"],
)
def test_whoever_is_not_reached_is_called_again_and_then_given_up(
    centre: Centre, asterisk: Asterisk, phones: Phones, behaviour: dict[str, Any], result: str
) -> None:
    centre.begin("kate", _max_dial_attempts="2", _ixn_createcall_timeout="2")
    ann = phones.customer(**behaviour)
    callback = centre.request(ann.number)
    assert centre.outcome(callback) == ("COMPLETED", "FAIL_CALL_TO_CUSTOMER"), centre.story(callback)
    assert centre.results(callback) == [result, result]
    assert ann.calls == 2


def test_a_dead_trunk_uses_no_attempt_and_rests(centre: Centre, asterisk: Asterisk, phones: Phones) -> None:
    centre.begin("kate", _route_point="dead@SIP_Switch", _ixn_createcall_timeout="1")
    callback = centre.request(phones.customer().number)
    centre.until_stage(callback, "retrying")
    centre.eventually(lambda: len(centre.results(callback)) >= 2 and "" not in centre.results(callback), 30, callback)
    assert set(centre.results(callback)) == {"CREATE_CALL_ERROR"}
    used = centre.number("SELECT (session->>'attempts_used')::int FROM callbacks_callback WHERE id = %s", callback)
    assert used == 0
    assert centre.number("SELECT failures FROM telephony_routepoint WHERE name = 'dead'") >= 1
    assert centre.cancel(callback).status_code == 200
    assert centre.outcome(callback) == ("COMPLETED", "CANCELLED")


def test_a_customer_hangs_up_during_detection(centre: Centre, asterisk: Asterisk, phones: Phones) -> None:
    centre.begin("kate", _max_dial_attempts="3")
    ann = phones.customer(hang_up_after=0.5)
    callback = centre.request(ann.number)
    assert centre.outcome(callback) == ("COMPLETED", "FAIL_INTERACTION_DELETED"), centre.story(callback)
    assert centre.stages(callback) == ["held", "dialling", "ringing", "detecting", "ended"]
    assert ann.calls == 1
    assert centre.agent("kate") == ("ready", "")


def test_a_customer_hangs_up_while_waiting(
    centre: Centre, asterisk: Asterisk, phones: Phones, voices: dict[str, Path]
) -> None:
    centre.begin()
    ann = phones.customer(play=voices["hello"])
    callback = centre.request(ann.number)
    centre.until_stage(callback, "waiting")
    time.sleep(1.5)
    ann.hang_up()
    assert centre.outcome(callback) == ("COMPLETED", "FAIL_INTERACTION_DELETED"), centre.story(callback)
    assert ann.heard().seconds_of_tone(WAITING) >= 1
    assert centre.number("SELECT count(*) FROM telephony_queueentry") == 0


def test_an_agent_who_does_not_answer_and_the_next_who_does(
    centre: Centre, asterisk: Asterisk, phones: Phones, voices: dict[str, Path]
) -> None:
    centre.begin("kate", "bob")
    ann = phones.customer(play=voices["customer"])
    kate = phones.agent("kate", answer_after=None)
    bob = phones.agent("bob", answer_after=0.3, play=voices["agent"])
    rung_before = kate.calls
    callback = centre.request(ann.number)
    centre.until_stage(callback, "talking", 40)
    time.sleep(3)
    bob.hang_up()
    assert centre.outcome(callback) == ("COMPLETED", "AGENT_CONNECTED"), centre.story(callback)
    assert centre.results(callback, "agent") == ["NO_ANSWER", "CONNECTED"]
    assert kate.calls == rung_before + 1
    assert centre.agent("kate") == ("not_ready", "no answer")
    assert ann.heard().seconds_of_tone(AGENT) >= 2
    assert ann.calls == 1


def test_a_cancel_takes_back_a_phone_that_rings(centre: Centre, asterisk: Asterisk, phones: Phones) -> None:
    centre.begin("kate")
    ann = phones.customer(answer_after=None)
    callback = centre.request(ann.number)
    ann.wait("invite")
    centre.until_stage(callback, "ringing")
    assert centre.cancel(callback).status_code == 200
    confirmed = time.time()
    assert ann.wait("ended")["t"] - confirmed < 2
    assert centre.outcome(callback) == ("COMPLETED", "CANCELLED")
    assert ann.calls == 1


def test_the_telephony_process_is_killed_during_a_talk_and_its_stand_by_takes_over(
    centre: Centre, asterisk: Asterisk, phones: Phones, voices: dict[str, Path]
) -> None:
    centre.begin("kate")
    ann = phones.customer(play=voices["customer"])
    kate = phones.agent("kate", play=voices["agent"])
    callback = centre.request(ann.number)
    centre.until_stage(callback, "talking")
    centre.start_stand_by()
    epoch = centre.number("SELECT lease_epoch FROM telephony_switch")
    time.sleep(3)
    centre.kill("telephony")
    killed = time.time()
    centre.eventually(lambda: centre.number("SELECT lease_epoch FROM telephony_switch") > epoch, 15, callback)
    time.sleep(3)
    ann.hang_up()
    assert centre.outcome(callback) == ("COMPLETED", "AGENT_CONNECTED"), centre.story(callback)
    centre.eventually(lambda: centre.agent("kate")[0] == "wrap_up", 4, callback)
    epoch = centre.number("SELECT lease_epoch FROM telephony_switch")
    centre.kill(STAND_BY)
    centre.start("telephony")
    centre.eventually(lambda: centre.number("SELECT lease_epoch FROM telephony_switch") > epoch, 20, callback)
    centre.eventually(centre.is_listened_to, 20, callback)
    over = ann.wait("ended")["t"]
    assert over - killed > 5, "the talk went on"
    for phone, tone in ((ann, AGENT), (kate, CUSTOMER)):
        heard = phone.heard()
        assert heard.part(heard.seconds - 3, heard.seconds).seconds_of_tone(tone) >= 2, (
            "to the end they heard each other"
        )
    assert centre.stages(callback) == TALK


@pytest.mark.parametrize("when", ["ringing", "talking"])
def test_asterisk_is_restarted(
    centre: Centre, asterisk: Asterisk, phones: Phones, voices: dict[str, Path], when: str
) -> None:
    centre.begin("kate", _max_dial_attempts="2")
    ann = phones.customer(answer_after=None if when == "ringing" else 0.2, play=voices["customer"])
    phones.agent("kate", play=voices["agent"])
    callback = centre.request(ann.number)
    centre.until_stage(callback, when)
    centre.eventually(lambda: ann.calls == 1, 30, callback)
    asterisk.restart()
    if when == "talking":
        assert centre.outcome(callback) == ("COMPLETED", "AGENT_CONNECTED"), centre.story(callback)
        centre.eventually(lambda: centre.agent("kate")[0] in {"wrap_up", "ready"}, 15, callback)
        assert ann.calls == 1
        return
    # Nobody can say whether the phone rang to the end: it counts as an attempt, and the next one reaches her.
    ann.behave(play=voices["customer"], hang_up_after=12)
    centre.until_stage(callback, "talking", 60)
    assert centre.outcome(callback) == ("COMPLETED", "AGENT_CONNECTED"), centre.story(callback)
    assert centre.results(callback) == ["UNKNOWN", "PERSON"]
    assert ann.calls == 2
