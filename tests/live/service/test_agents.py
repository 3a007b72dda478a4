"""The right agent on a real Asterisk: three agents with phones, skills and a desk; the agent first, previews, hold."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.live import audio
from tests.live.asterisk import SOUNDS, Asterisk
from tests.live.centre import Centre
from tests.live.desk import Desk
from tests.live.phones import Phones
from tests.live.service.tones import AGENT, CUSTOMER, WAITING

pytestmark = pytest.mark.live

# What an agent hears while the customer is called (telephony/sounds/make).
RINGING = SOUNDS / "SampleTreatments" / "calling_customer.wav"
FIRST = {"_userterminated_first_connect_party": "AGENT", "_max_dial_attempts": "2"}


def test_the_agent_comes_first_sees_who_it_is_about_and_holds_and_talks_again(
    centre: Centre, asterisk: Asterisk, phones: Phones, voices: dict[str, Path]
) -> None:
    centre.begin("kate", **FIRST)
    ann = phones.customer(answer_after=1.0, play=voices["customer"])
    kate = phones.agent("kate", answer_after=0.3, play=voices["agent"])
    callback = centre.request(ann.number)
    centre.until_stage(callback, "talking")
    assert kate.wait("answered")["t"] < ann.wait("invite")["t"], "nobody is called before the agent is there"
    assert json.loads(kate.wait("invite")["headers"]["X-GMS_UserData"]) == {"usr_reason": "billing"}
    with Desk(centre.port, "kate") as desk:
        time.sleep(3)
        for _ in range(2):
            desk.press("call/hold", reservation=centre.reservation("kate"), on="true")
            time.sleep(1.5)
            desk.press("call/hold", reservation=centre.reservation("kate"), on="false")
            time.sleep(1.5)
        desk.press("call/hang-up", reservation=centre.reservation("kate"))

    assert centre.outcome(callback) == ("COMPLETED", "AGENT_CONNECTED"), centre.story(callback)
    assert centre.stages(callback) == [
        *("held", "reserving", "calling_agent", "dialling", "ringing", "detecting", "joining", "talking", "ended")
    ]
    assert (ann.calls, kate.calls) == (1, 1)
    assert centre.results(callback) == ["PERSON"]
    assert centre.results(callback, "agent") == ["CONNECTED"]
    heard = ann.heard()
    assert 2 <= heard.seconds_of_tone(WAITING) <= 4, "she heard the music during both holds"
    assert heard.seconds_of_tone(AGENT) >= 3, "and the agent before, between and after them"
    heard = kate.heard()
    assert heard.find(audio.read(RINGING).part(0, 2))[0] > 0.8, "the agent heard it ring"
    assert heard.seconds_of_tone(CUSTOMER) >= 2
    assert heard.seconds_of_tone(WAITING) == 0, "the music is the customer's"


def test_the_agent_is_called_first_at_a_number_of_their_own_through_the_route_point(
    centre: Centre, asterisk: Asterisk, phones: Phones, voices: dict[str, Path]
) -> None:
    centre.begin("kate", **FIRST, _agent_first_via_rp="true", _prefix_dial_out="")
    at_home = phones.customer(answer_after=0.2, play=voices["agent"])
    centre.query("UPDATE telephony_agent SET number = %s WHERE name = 'kate'", at_home.number)
    ann = phones.customer(answer_after=0.2, play=voices["customer"])
    desk_phone = phones.agent("kate")
    callback = centre.request(ann.number)
    centre.until_stage(callback, "talking")
    time.sleep(3)
    ann.hang_up()
    assert centre.outcome(callback) == ("COMPLETED", "AGENT_CONNECTED"), centre.story(callback)
    assert at_home.wait("answered")["t"] < ann.wait("invite")["t"]
    assert at_home.wait("invite")["headers"] == {}, "what leaves the house says nothing about the customer"
    assert (at_home.calls, ann.calls, desk_phone.calls) == (1, 1, 0)
    assert ann.heard().seconds_of_tone(AGENT) >= 2


def test_a_preview_is_rejected_by_the_first_agent_and_accepted_by_the_second(
    centre: Centre, asterisk: Asterisk, phones: Phones, voices: dict[str, Path]
) -> None:
    centre.begin("kate", "bob", **FIRST, _agent_preview="true", _agent_preview_allow_reject="3")
    ann = phones.customer(answer_after=0.2, play=voices["customer"])
    kate, bob = (phones.agent(name, answer_after=0.2, play=voices["agent"]) for name in ("kate", "bob"))
    callback = centre.request(ann.number)
    with Desk(centre.port, "kate") as kates, Desk(centre.port, "bob") as bobs:
        # Reserved is a moment before offered: the page says "A callback is coming to you" until then.
        centre.eventually(lambda: "billing" in kates.page(), 30, callback)
        kates.press("offer/reject", reservation=centre.reservation("kate"))
        centre.eventually(lambda: "billing" in bobs.page(), 30, callback)
        assert bob.calls == ann.calls == 0
        bobs.press("offer/accept", reservation=centre.reservation("bob"))
    centre.until_stage(callback, "talking")
    ann.hang_up()
    assert centre.outcome(callback) == ("COMPLETED", "AGENT_CONNECTED"), centre.story(callback)
    assert (kate.calls, bob.calls, ann.calls) == (0, 1, 1)
    assert centre.agent("kate")[0] == "ready"
    assert centre.results(callback) == ["PERSON"]


@pytest.mark.parametrize(
    ("targets", "ready", "taken_by"),
    [
        # kate alone for three seconds, who is not there; then all.
        (["kate@StatServer.A", "Billing@StatServer.GA"], "eve", "eve"),
        (["?:English>=20@StatServer.GA", "?:English>=5@StatServer.GA"], "bob", "bob"),
    ],
    ids=["the next target of a list", "a wider skill"],
)
def test_the_list_of_targets_goes_on_while_the_customer_waits(
    centre: Centre,
    asterisk: Asterisk,
    phones: Phones,
    voices: dict[str, Path],
    targets: list[str],
    ready: str,
    taken_by: str,
) -> None:
    plan = [{"target": target, "timeout": "4", "clear": True} for target in targets]
    centre.begin(ready, _target=json.dumps(plan))
    ann = phones.customer(answer_after=0.1, play=voices["customer"])
    phone = phones.agent(taken_by, answer_after=0.2, play=voices["agent"])
    callback = centre.request(ann.number)
    centre.until_stage(callback, "waiting")
    centre.until_stage(callback, "talking")
    time.sleep(1)
    ann.hang_up()
    assert centre.outcome(callback) == ("COMPLETED", "AGENT_CONNECTED"), centre.story(callback)
    assert phone.calls == 1
    switched = "SELECT count(*) FROM callbacks_journalentry WHERE callback_id = %s AND kind = 'target'"
    assert centre.number(switched, callback) == 1
    assert ann.heard().seconds_of_tone(WAITING) >= 1, "she heard the music until the list went on"
