"""The switch contract on a real Asterisk, with real SIP phones and real audio; nothing else of the system runs."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from telephony.asterisk import AsteriskSwitch
from telephony.switch import (
    Answered,
    Created,
    Dialling,
    EndCause,
    Ended,
    EnteredBridge,
    LeftBridge,
    LegRequest,
    LegState,
    Progress,
    Rejected,
    Ringing,
    Sounds,
    SoundsFinished,
    SwitchEvent,
    Verdict,
)
from tests.live import audio
from tests.live.asterisk import SOUNDS, Asterisk
from tests.live.hearing import Hearing
from tests.live.phones import Phone, Phones
from tests.live.sipp import Answering

pytestmark = pytest.mark.live

_ids = itertools.count(1)
ANNOUNCEMENT = "SampleTreatments/customer_announcement.wav"
WAITING = "SampleTreatments/next_customer_rep.wav"
MACHINE = "SampleTreatments/call_fail_ans_machine.wav"
# Asterisk's words for causes, and a far end that answers at once without ringing.
ALERTING = "User alerting, no answer"
CONGESTION = "Circuit/channel congestion"
UNALLOCATED = "Unallocated (unassigned) number"
SILENT = {"ring": False, "answer_after": 0}


def ring(
    switch: AsteriskSwitch,
    asterisk: Asterisk,
    phone: Phone,
    *,
    timeout: int = 10,
    detect: bool = False,
    trunk: str = "",
) -> str:
    """Create and dial a leg to a customer; its id."""
    leg = f"cb-leg-{next(_ids)}"
    endpoint = (trunk or asterisk.trunk).format(number=phone.number)
    switch.create_leg(LegRequest(leg, endpoint, caller_number="4930555", caller_name="Acme", detect=detect))
    switch.dial_leg(leg, timeout=timeout)
    return leg


def rung(leg: str) -> list[SwitchEvent]:
    return [Created(leg), Dialling(leg), Ringing(leg)]


@pytest.fixture(scope="module")
def hello(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person: answers with one word and listens."""
    word = audio.speech("Hello?")
    sound = audio.silence(0.3, rate=word.rate) + word
    return sound.write(tmp_path_factory.mktemp("sounds") / "hello.wav")


@pytest.fixture(scope="module")
def greeting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An answering machine: a sentence, a pause, a beep of 1000 Hz, then it records."""
    words = audio.speech(
        "You have reached the Miller family. We are not at home now. Please leave a message after the tone."
    )
    beep = audio.silence(0.8, rate=words.rate) + audio.tone(1000, 0.7, rate=words.rate)
    return (words + beep).write(tmp_path_factory.mktemp("sounds") / "greeting.wav")


def test_a_customer_is_recognised_hears_the_announcement_and_talks_to_an_agent(
    switch: AsteriskSwitch, hearing: Hearing, asterisk: Asterisk, phones: Phones, hello: Path, tmp_path: Path
) -> None:
    # After the word, the customer's own tone, so that the agent can be shown to have heard them.
    word = audio.read(hello)
    voice = (word + audio.silence(5, rate=word.rate) + audio.tone(700, 20, rate=word.rate)).write(tmp_path / "c.wav")
    ann = phones.customer(answer_after=0.3, play=voice)
    kate = phones.agent("kate", answer_after=0.2, play=audio.tone(450, 30).write(tmp_path / "a.wav"))

    customer = ring(switch, asterisk, ann, detect=True)
    verdict = hearing.wait(Progress, customer)
    assert verdict.verdict is Verdict.HUMAN
    assert verdict.detail.startswith("HUMAN-")
    switch.play(customer, Sounds(1, (ANNOUNCEMENT,)))
    switch.play(customer, Sounds(1, (ANNOUNCEMENT,)))  # once all the same
    hearing.wait(SoundsFinished, customer)
    switch.play(customer, Sounds(2, (WAITING,), loop=True))
    agent = f"{customer}-agent"
    switch.create_leg(LegRequest(agent, kate.sip_address))
    switch.create_leg(LegRequest(agent, kate.sip_address))  # once all the same
    switch.dial_leg(agent, timeout=10)
    hearing.wait(Answered, agent)
    switch.stop(customer, 2)
    switch.stop(customer, 2)
    bridge = "cb-bridge-1"
    switch.join(bridge, (customer, agent))
    switch.join(bridge, (customer, agent))
    hearing.wait(EnteredBridge, agent)
    assert {seen.id: (seen.state, seen.bridge) for seen in switch.list_legs()} == {
        customer: (LegState.UP, bridge),
        agent: (LegState.UP, bridge),
    }
    time.sleep(3)  # they talk
    switch.hold(bridge, customer)
    switch.hold(bridge, customer)
    hearing.wait(LeftBridge, customer)
    switch.delete_leg(agent)
    hearing.ended(agent)
    switch.delete_leg(agent)
    ann.hang_up()
    hearing.ended(customer)
    switch.close_bridge(bridge)
    switch.close_bridge(bridge)

    assert hearing.of(customer) == [
        *rung(customer),
        Answered(customer),
        verdict,
        SoundsFinished(customer, 1),
        EnteredBridge(customer, bridge),
        LeftBridge(customer, bridge),
        Ended(customer, EndCause.HANGUP, "Normal Clearing (16)"),
    ]
    assert hearing.of(agent) == [
        *rung(agent),
        Answered(agent),
        EnteredBridge(agent, bridge),
        LeftBridge(agent, bridge),
        Ended(agent, EndCause.HANGUP, "Normal Clearing (16)"),
    ]
    heard = ann.heard()
    found, at = heard.find(audio.read(SOUNDS / ANNOUNCEMENT))
    assert found > 0.8, "the announcement arrived whole"
    assert at < 5
    assert heard.seconds_of_tone(450) >= 2, "the customer heard the agent"
    assert kate.heard().seconds_of_tone(700) >= 2, "the agent heard the customer"
    assert ann.wait("invite")["from"].startswith('"Acme" <sip:4930555@')


def test_on_hold_the_customer_hears_music_and_both_talk_again_as_often_as_they_like(
    switch: AsteriskSwitch, hearing: Hearing, asterisk: Asterisk, phones: Phones, tmp_path: Path
) -> None:
    """The agent was there first and heard a tone of their own meanwhile; music is 900 Hz, the agent's tone 600 Hz."""
    asterisk.add_sound("Test/music.wav", audio.tone(900, 20))
    asterisk.add_sound("Test/patience.wav", audio.tone(600, 20))
    kate = phones.agent("kate", answer_after=0.1, play=audio.tone(450, 30).write(tmp_path / "a.wav"))
    ann = phones.customer(answer_after=0.1, play=audio.tone(700, 30).write(tmp_path / "c.wav"))
    agent = f"cb-leg-{next(_ids)}"
    switch.create_leg(LegRequest(agent, kate.sip_address))
    switch.dial_leg(agent, timeout=10)
    hearing.wait(Answered, agent)
    switch.play(agent, Sounds(1, ("Test/patience.wav",), loop=True))
    time.sleep(1)
    customer = ring(switch, asterisk, ann)
    hearing.wait(Answered, customer)
    bridge = f"cb-bridge-{customer}"
    switch.stop(agent, 1)
    for number in (1, 2, 3):
        switch.join(bridge, (customer, agent))
        hearing.wait(EnteredBridge, customer, count=number)
        hearing.wait(EnteredBridge, agent, count=number)
        time.sleep(1.2)
        for leg in (customer, agent):
            switch.hold(bridge, leg)
        if number < 3:
            switch.play(customer, Sounds(number, ("Test/music.wav",), loop=True))
            time.sleep(1.2)
            switch.stop(customer, number)
    for leg in (customer, agent):
        hearing.wait(LeftBridge, leg, count=3)
        switch.delete_leg(leg)
        hearing.ended(leg)
    left = [seen["id"] for seen in asterisk.get("/bridges").json()]
    assert left == [bridge]
    switch.ari.delete_empty_bridges(datetime.now(UTC) + timedelta(minutes=2))
    assert asterisk.get("/bridges").json() == []

    around = [kind for _ in range(3) for kind in (EnteredBridge, LeftBridge)]
    for leg in (customer, agent):
        assert [type(event) for event in hearing.of(leg)][4:] == [*around, Ended]
    heard = ann.heard()
    assert 3 <= heard.seconds_of_tone(450) <= 4.5, "three talks"
    assert 2 <= heard.seconds_of_tone(900) <= 3, "two holds"
    assert kate.heard().seconds_of_tone(900) == 0, "the music is the customer's"
    assert kate.heard().seconds_of_tone(700) >= 3
    assert kate.heard().seconds_of_tone(600) >= 0.8


def test_attached_data_reach_the_agents_phone_as_headers(
    switch: AsteriskSwitch, hearing: Hearing, asterisk: Asterisk, phones: Phones
) -> None:
    kate = phones.agent("kate", answer_after=0.1)
    udata = '{"usr_reason": "billing, urgent; ${EVIL} 100%", "usr_customer_name": "Bøb \\"B\\" Markel"}'
    attached = (("GMS_UserData", udata), ("usr reason", "two\r\nX-Evil: lines"), ("usr_long", "z" * 5000), ("x", ""))
    leg = f"cb-leg-{next(_ids)}"
    switch.create_leg(LegRequest(leg, kate.sip_address, attached=attached))
    switch.dial_leg(leg, timeout=10)
    hearing.wait(Answered, leg)
    headers = kate.wait("invite")["headers"]
    assert headers == {
        "X-GMS_UserData": udata,
        "X-usr-reason": "two X-Evil: lines",
        "X-usr_long": "z" * 1000,
    }


def test_a_machine_gets_its_message_after_the_beep(
    switch: AsteriskSwitch, hearing: Hearing, asterisk: Asterisk, phones: Phones, greeting: Path
) -> None:
    machine = phones.customer(answer_after=0.2, play=greeting)
    leg = ring(switch, asterisk, machine, detect=True)
    verdict = hearing.wait(Progress, leg)
    message = Sounds(1, (MACHINE,), after_beep=True)
    switch.play(leg, message)
    switch.play(leg, message)
    finished = hearing.wait(SoundsFinished, leg, timeout=45)
    switch.delete_leg(leg)
    hearing.ended(leg)

    assert hearing.of(leg) == [
        *rung(leg),
        Answered(leg),
        verdict,
        finished,
        Ended(leg, EndCause.HANGUP, "Normal Clearing (16)"),
    ]
    assert verdict.verdict is Verdict.MACHINE
    assert finished == SoundsFinished(leg, 1)
    heard = machine.heard()
    found, at = heard.find(audio.read(SOUNDS / MACHINE))
    assert found > 0.8, "the machine recorded the whole message"
    over = audio.read(greeting).seconds
    assert over + 1 < at < over + 4, "after the beep, not long after it"
    assert heard.part(0, over).seconds_of_sound() == 0, "nothing was said into the greeting"


@pytest.mark.parametrize(
    ("frequency", "verdict"),
    [pytest.param(2100, Verdict.FAX, id="fax"), pytest.param(None, Verdict.UNSURE, id="hum")],
)
def test_what_is_neither_human_nor_machine(
    switch: AsteriskSwitch,
    hearing: Hearing,
    asterisk: Asterisk,
    phones: Phones,
    tmp_path: Path,
    frequency: float | None,
    verdict: Verdict,
) -> None:
    # One word, then clicks: never quiet for long enough to be a person, never enough words for a machine.
    clicks = [audio.silence(1), audio.tone(300, 0.4), *[audio.silence(0.6), audio.tone(300, 0.06)] * 8]
    sound = audio.tone(frequency, 6) if frequency else sum(clicks, audio.silence(0))
    leg = ring(switch, asterisk, phones.customer(play=sound.write(tmp_path / "sound.wav")), detect=True)
    assert hearing.wait(Progress, leg).verdict is verdict


@pytest.mark.parametrize(
    ("behaviour", "events", "cause", "detail"),
    [
        pytest.param({"code": 486}, 3, EndCause.BUSY, "User busy (17, SIP 486)", id="busy"),
        pytest.param({"code": 603}, 3, EndCause.REFUSED, "Call Rejected (21, SIP 603)", id="refused"),
        pytest.param(SILENT | {"code": 404}, 2, EndCause.REFUSED, f"{UNALLOCATED} (1, SIP 404)", id="no such number"),
        pytest.param(SILENT | {"code": 480}, 2, EndCause.NO_ANSWER, f"{ALERTING} (19, SIP 480)", id="switched off"),
        pytest.param(SILENT | {"code": 503}, 2, EndCause.UNREACHABLE, f"{CONGESTION} (34, SIP 503)", id="congestion"),
        pytest.param({"answer_after": None}, 3, EndCause.NO_ANSWER, f"{ALERTING} (19)", id="no answer"),
        pytest.param({"answer_after": None, "early": True}, 3, EndCause.NO_ANSWER, f"{ALERTING} (19)", id="183 only"),
    ],
)
def test_a_call_that_is_not_answered(
    switch: AsteriskSwitch,
    hearing: Hearing,
    asterisk: Asterisk,
    phones: Phones,
    behaviour: dict[str, Any],
    events: int,
    cause: EndCause,
    detail: str,
) -> None:
    ann = phones.customer(**behaviour)
    leg = ring(switch, asterisk, ann, timeout=2)
    hearing.ended(leg)
    assert hearing.of(leg) == [*rung(leg)[:events], Ended(leg, cause, detail)]
    ann.wait("ended")
    assert ann.calls == 1


def test_a_dead_trunk_is_not_taken_for_no_answer(
    switch: AsteriskSwitch, hearing: Hearing, asterisk: Asterisk, phones: Phones
) -> None:
    leg = ring(switch, asterisk, phones.customer(), timeout=1, trunk=asterisk.dead_trunk)
    hearing.ended(leg)
    assert hearing.of(leg) == [
        Created(leg),
        Dialling(leg),
        Ended(leg, EndCause.UNREACHABLE, "User alerting, no answer (19)"),
    ]


def test_a_trunk_that_nobody_configured_is_rejected(
    switch: AsteriskSwitch, hearing: Hearing, asterisk: Asterisk
) -> None:
    with pytest.raises(Rejected):
        switch.create_leg(LegRequest("cb-nowhere", "PJSIP/4711@nowhere"))
    assert asterisk.channels() == []
    assert hearing.of("cb-nowhere") == []


def test_two_installations_do_not_see_each_others_legs(
    switch: AsteriskSwitch, hearing: Hearing, asterisk: Asterisk, phones: Phones
) -> None:
    neighbour = AsteriskSwitch(SimpleNamespace(**{**vars(asterisk.row), "ari_app": "neighbour"}))
    leg = ring(switch, asterisk, phones.customer())
    hearing.wait(Answered, leg)
    assert [seen.id for seen in switch.list_legs()] == [leg]
    assert neighbour.list_legs() == ()
    neighbour.close()


def test_a_leg_that_we_delete(switch: AsteriskSwitch, hearing: Hearing, asterisk: Asterisk, phones: Phones) -> None:
    ann = phones.customer(answer_after=None)
    ringing = ring(switch, asterisk, ann)
    hearing.wait(Ringing, ringing)
    switch.dial_leg(ringing, timeout=10)  # rings already: nothing happens
    switch.delete_leg(ringing)
    hearing.ended(ringing)
    created = "cb-only-created"
    switch.create_leg(LegRequest(created, asterisk.trunk.format(number=ann.number)))
    hearing.wait(Created, created)
    switch.delete_leg(created)
    hearing.ended(created)

    cancelled = Ended(ringing, EndCause.CANCELLED, "Normal Clearing (16)")
    assert hearing.of(ringing) == [*rung(ringing), cancelled]
    assert hearing.of(created) == [Created(created), Ended(created, EndCause.CANCELLED, "Normal Clearing (16)")]
    ann.wait("ended")
    assert ann.calls == 1


@pytest.mark.parametrize("act", ["dial", "play", "play after the beep", "join"])
def test_an_act_on_a_leg_that_is_gone(switch: AsteriskSwitch, hearing: Hearing, act: str) -> None:
    acts = {
        "dial": lambda: switch.dial_leg("cb-gone", timeout=5),
        "play": lambda: switch.play("cb-gone", Sounds(1, (WAITING,))),
        "play after the beep": lambda: switch.play("cb-gone", Sounds(1, (WAITING,), after_beep=True)),
        "join": lambda: switch.join("cb-bridge", ("cb-gone",)),
    }
    with pytest.raises(Rejected):
        acts[act]()
    switch.stop("cb-gone", 1)
    switch.hold("cb-bridge", "cb-gone")
    switch.delete_leg("cb-gone")


def test_hanging_up_during_detection_and_while_waiting(
    switch: AsteriskSwitch, hearing: Hearing, asterisk: Asterisk, phones: Phones, hello: Path
) -> None:
    shy = ring(switch, asterisk, phones.customer(hang_up_after=0.6), detect=True)
    impatient = ring(switch, asterisk, phones.customer(play=hello, hang_up_after=4), detect=True)
    verdict = hearing.wait(Progress, impatient)
    switch.play(impatient, Sounds(1, (WAITING,), loop=True))
    for leg in (shy, impatient):
        hearing.ended(leg)
    hung_up = [Ended(leg, EndCause.HANGUP, "Normal Clearing (16)") for leg in (shy, impatient)]
    assert hearing.of(shy) == [*rung(shy), Answered(shy), hung_up[0]]
    assert hearing.of(impatient) == [*rung(impatient), Answered(impatient), verdict, hung_up[1]]


def test_sounds_that_are_not_there_have_failed(
    switch: AsteriskSwitch, hearing: Hearing, asterisk: Asterisk, phones: Phones
) -> None:
    leg = ring(switch, asterisk, phones.customer())
    hearing.wait(Answered, leg)
    switch.play(leg, Sounds(1, ("Nowhere/nothing.wav",)))
    assert hearing.wait(SoundsFinished, leg) == SoundsFinished(leg, 1, failed=True)
    switch.play(leg, Sounds(2, ("Nowhere/nothing.wav",), loop=True))
    assert hearing.wait(SoundsFinished, leg, count=2) == SoundsFinished(leg, 2, failed=True)


def test_a_looped_sound_goes_on_by_itself(
    switch: AsteriskSwitch, hearing: Hearing, asterisk: Asterisk, phones: Phones
) -> None:
    asterisk.add_sound("Test/beep.wav", audio.tone(900, 0.5) + audio.silence(0.5))
    ann = phones.customer()
    leg = ring(switch, asterisk, ann)
    hearing.wait(Answered, leg)
    switch.play(leg, Sounds(1, ("Test/beep.wav",), loop=True))
    hearing.close()
    time.sleep(4)
    switch.delete_leg(leg)
    heard = ann.heard()
    assert 1.5 <= heard.seconds_of_tone(900) <= 3


def test_the_way_from_a_dial_to_the_wire_takes_milliseconds(
    switch: AsteriskSwitch, hearing: Hearing, asterisk: Asterisk, tmp_path: Path
) -> None:
    delays = []
    with Answering(asterisk.bench_port, tmp_path) as sipp:
        for number in range(49301000, 49301020):
            leg = f"cb-bench-{number}"
            begun = time.time()
            switch.create_leg(LegRequest(leg, asterisk.bench_trunk.format(number=number)))
            switch.dial_leg(leg, timeout=10)
            hearing.wait(Answered, leg)
            delays.append(sipp.invites()[str(number)] - begun)
            switch.delete_leg(leg)
    assert len(sipp.invites()) == 20
    assert sorted(delays)[10] < 0.1
