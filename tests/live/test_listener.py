"""The event socket of a real Asterisk is cut, taken over and lost with its server; the calls are real."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from telephony.asterisk import AsteriskSwitch
from telephony.asterisk import listener as listener_module
from telephony.switch import (
    Answered,
    Created,
    Dialling,
    EndCause,
    Ended,
    LegRequest,
    LegState,
    Progress,
    Ringing,
    Snapshot,
    Verdict,
)
from tests.live import audio
from tests.live.asterisk import Asterisk
from tests.live.hearing import Hearing
from tests.live.phones import Phones
from tests.live.sipp import Answering

pytestmark = pytest.mark.live

_ids = itertools.count(1)


def create(switch: AsteriskSwitch, asterisk: Asterisk, number: str, *, detect: bool = False) -> str:
    leg = f"cb-listened-{next(_ids)}"
    switch.create_leg(LegRequest(leg, asterisk.trunk.format(number=number), detect=detect))
    return leg


def cut(hearing: Hearing) -> None:
    """Break the TCP connection as a network would: neither side says goodbye."""
    assert hearing.listener.socket is not None
    hearing.listener.socket.socket.shutdown(socket.SHUT_RDWR)


@contextmanager
def another(asterisk: Asterisk) -> Iterator[Hearing]:
    hearing = Hearing(asterisk.row)
    try:
        hearing.snapshot()
        yield hearing
    finally:
        hearing.close()


def test_after_a_lost_socket_a_snapshot_comes_first_and_the_call_goes_on(
    switch: AsteriskSwitch, hearing: Hearing, asterisk: Asterisk, phones: Phones
) -> None:
    ann = phones.customer()
    leg = create(switch, asterisk, ann.number)
    switch.dial_leg(leg, timeout=10)
    hearing.wait(Answered, leg)
    before = len(hearing.events)
    cut(hearing)
    snapshot = hearing.snapshot(count=2, timeout=3)
    assert hearing.events[before] is snapshot
    assert [(seen.id, seen.state, seen.bridge) for seen in snapshot.legs] == [(leg, LegState.UP, None)]
    assert abs(snapshot.legs[0].created_at.timestamp() - time.time()) < 10
    ann.hang_up()
    assert hearing.ended(leg) == Ended(leg, EndCause.HANGUP, "Normal Clearing (16)")


def test_ringing_that_an_earlier_listener_heard_is_still_known(
    switch: AsteriskSwitch, hearing: Hearing, asterisk: Asterisk, phones: Phones
) -> None:
    leg = create(switch, asterisk, phones.customer(answer_after=None).number)
    switch.dial_leg(leg, timeout=3)
    hearing.wait(Ringing, leg)
    hearing.close()
    with another(asterisk) as successor:
        assert [seen.state for seen in successor.snapshot().legs] == [LegState.RINGING]
        assert successor.ended(leg).cause is EndCause.NO_ANSWER
        assert len(successor.of(leg)) == 1


def test_a_customer_who_answers_while_nobody_listens_is_sent_into_detection_by_the_next(
    switch: AsteriskSwitch, hearing: Hearing, asterisk: Asterisk, phones: Phones, tmp_path: Path
) -> None:
    word = audio.speech("Hello?")
    late = (audio.silence(2.5, rate=word.rate) + word).write(tmp_path / "late.wav")
    ann = phones.customer(answer_after=0.5, play=late)
    leg = create(switch, asterisk, ann.number, detect=True)
    hearing.wait(Created, leg)
    switch.dial_leg(leg, timeout=10)
    hearing.wait(Ringing, leg)
    hearing.close()
    ann.wait("answered")
    time.sleep(1)
    with another(asterisk) as successor:
        assert [seen.state for seen in successor.snapshot().legs] == [LegState.UP]
        assert successor.wait(Progress, leg).verdict is Verdict.HUMAN


def test_a_verdict_waits_for_the_next_listener_and_the_customer_is_spoken_to(
    switch: AsteriskSwitch, hearing: Hearing, asterisk: Asterisk, phones: Phones, tmp_path: Path
) -> None:
    word = audio.speech("Hello?")
    ann = phones.customer(play=(audio.silence(0.5, rate=word.rate) + word).write(tmp_path / "word.wav"))
    leg = create(switch, asterisk, ann.number, detect=True)
    switch.dial_leg(leg, timeout=10)
    hearing.wait(Answered, leg)
    time.sleep(0.3)
    hearing.close()
    time.sleep(6)
    with another(asterisk) as successor:
        assert successor.wait(Progress, leg).verdict is Verdict.HUMAN
        switch.delete_leg(leg)
        successor.ended(leg)
    found, at = ann.heard().find(audio.read(asterisk.sounds / "one_moment.wav"))
    assert found > 0.8
    assert at < 4


def test_a_second_listener_replaces_the_first_which_stands_by(
    switch: AsteriskSwitch, hearing: Hearing, asterisk: Asterisk, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "STAND_BY_SECONDS", 3)
    with another(asterisk) as second:
        hearing.until(lambda: not hearing.listener.connected, 10, "stand-by")
        before = len(hearing.events)
        leg = create(switch, asterisk, phones.customer().number)
        second.wait(Created, leg)
        assert second.listener.connected
        assert len(hearing.events) == before
    # The second is gone, and the first was not closed: its owner still holds the lease.
    hearing.until(lambda: hearing.listener.connected, 20, "return of the first")
    switch.delete_leg(leg)
    assert hearing.ended(leg).cause is EndCause.CANCELLED


def test_a_restarted_asterisk_shows_none_of_the_legs(
    switch: AsteriskSwitch, hearing: Hearing, asterisk: Asterisk, phones: Phones
) -> None:
    talking, ringing = phones.customer(), phones.customer(answer_after=None)
    up, waits = create(switch, asterisk, talking.number), create(switch, asterisk, ringing.number)
    switch.dial_leg(up, timeout=20)
    switch.dial_leg(waits, timeout=20)
    hearing.wait(Answered, up)
    hearing.wait(Ringing, waits)
    asterisk.restart()
    hearing.until(lambda: hearing.snapshots()[-1].legs == (), 30, "list without the legs")
    assert [event for event in hearing.events if isinstance(event, Ended)] == []
    assert switch.list_legs() == ()
    talking.hang_up()
    ringing.hang_up()


def test_a_periodic_list_lets_the_ends_come_first(
    switch: AsteriskSwitch, asterisk: Asterisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "SNAPSHOT_SECONDS", 0.003)
    with another(asterisk) as hearing, Answering(asterisk.bench_port, tmp_path, ring_seconds=0):
        for number in range(25):
            leg = f"cb-brief-{number}"
            switch.create_leg(LegRequest(leg, asterisk.bench_trunk.format(number=number)))
            switch.dial_leg(leg, timeout=10)
            hearing.wait(Answered, leg)
            switch.delete_leg(leg)
            assert hearing.ended(leg).cause is EndCause.HANGUP
            answered = Answered(leg), Ended(leg, EndCause.HANGUP, "Normal Clearing (16)")
            assert hearing.of(leg) == [Created(leg), Dialling(leg), Ringing(leg), *answered]
        # No snapshot said that a leg was gone before its end told why.
        alive: set[str] = set()
        for event in hearing.events:
            if isinstance(event, Created):
                alive.add(event.leg)
            elif isinstance(event, Ended):
                alive.remove(event.leg)
            elif isinstance(event, Snapshot):
                assert alive <= {seen.id for seen in event.legs}
        assert len(hearing.snapshots()) > 20
