"""Asterisk's events in the words of the contract. Knows no socket and no clock, so that every order can be tested."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from telephony.asterisk.ari import ARRIVES, Json, entered_with
from telephony.asterisk.causes import TRUNK_CAUSES, end_cause
from telephony.asterisk.client import (
    BACK_FROM_BEEP,
    BACK_FROM_DETECTION,
    ENTERS_FOR_DETECTION,
    STOP_EVENT,
    leg_and_number,
)
from telephony.switch import (
    LEG_PREFIX,
    Answered,
    Arrived,
    Created,
    Dialling,
    Digit,
    EndCause,
    Ended,
    EnteredBridge,
    LeftBridge,
    Progress,
    Ringing,
    SoundsFinished,
    SwitchEvent,
    Verdict,
)

# All that is asked of Asterisk; the others (a dozen per call) are filtered out there.
EVENT_TYPES = (
    "ApplicationReplaced",
    "ChannelDestroyed",
    "ChannelDtmfReceived",
    "ChannelEnteredBridge",
    "ChannelHangupRequest",
    "ChannelLeftBridge",
    "ChannelStateChange",
    "ChannelUserevent",
    "Dial",
    "PlaybackFinished",
    "StasisEnd",
    "StasisStart",
)

# What AMD() says; anything else is unsure. HANGUP is no verdict: the end of the leg follows.
VERDICTS = {
    "HUMAN": Verdict.HUMAN,
    "PERSON": Verdict.HUMAN,
    "MACHINE": Verdict.MACHINE,
    "FAX": Verdict.FAX,
    "NOTSURE": Verdict.UNSURE,
}


@dataclass(frozen=True)
class Detect:
    """To be done at once: send this leg, just answered, into detection."""

    leg: str


@dataclass(frozen=True)
class BeepOver:
    """To be done at once: play list `number` to the machine, whose greeting and beep are over."""

    leg: str
    number: int


Fact = SwitchEvent | Detect | BeepOver


class Replaced(Exception):
    """Another listener has taken the application over."""


@dataclass
class Known:
    """What the events told of one leg so far."""

    dialled: bool = False
    rang: bool = False
    answered: bool = False
    detecting: bool = False
    hanging_up: bool = False
    far_end_spoke: bool = False
    arrived: bool = False
    # A 183 may have come while nobody listened, and a list does not show it: whether it rang, nobody can say.
    missed: bool = False
    stopped: set[int] = field(default_factory=set)


class Translator:
    """Turns events into facts, in the order in which they come, each fact once."""

    def __init__(self, app: str) -> None:
        self._app = app
        self.legs: dict[str, Known] = {}
        # Asterisk lists a channel for a moment after its end was told; these are not to rise from the dead.
        self.ended: deque[str] = deque(maxlen=1000)

    def read(self, event: Json) -> Iterator[Fact]:
        """Raises `Replaced`."""
        kind = event["type"]
        if kind == "ApplicationReplaced":
            raise Replaced
        if kind == "ChannelUserevent":
            self._note_stop(event)
        elif kind == "PlaybackFinished":
            yield from self._finished(event["playback"])
        else:
            channel = event.get("peer" if kind == "Dial" else "channel")
            if channel and self._is_ours(channel["id"], kind, event):
                yield from self._about_leg(kind, channel, event)

    def _is_ours(self, leg: str, kind: str, event: Json) -> bool:
        """Whether we made it, or it came to us: others may be in the application by somebody's dialplan."""
        arrives = kind == "StasisStart" and event.get("args", [])[:1] == [ARRIVES]
        return arrives or leg.startswith(LEG_PREFIX) or leg in self.legs

    def listed(self, channels: list[Json], gone: set[str], *, connected_anew: bool) -> Iterator[Fact]:
        """Take over what a list of our channels shows: after a loss, and for an earlier process, events were missed.

        `gone` are legs known when the list was asked for and not in it. A verdict that came while nobody listened is
        told again (it may have been told before: the same fact twice).
        """
        for leg in gone:
            self.legs.pop(leg, None)
        if not connected_anew:
            return  # what else it shows is told by events that are on their way
        for channel in channels:
            leg = channel["id"]
            entered, *words = entered_with(channel, self._app)
            if entered == ARRIVES:
                # Once more: whoever listened when it came may have died before writing it down.
                yield from self._arrived(channel, words)
                continue
            known = self.legs.setdefault(leg, Known())
            known.rang |= channel["state"] in ("Ringing", "Up")
            known.missed = not known.rang
            known.dialled |= known.rang
            known.answered |= channel["state"] == "Up"
            known.detecting = False
            if entered == BACK_FROM_DETECTION:
                yield from _verdict(leg, words)
            yield from self._detect(leg, known, channel)

    def _about_leg(self, kind: str, channel: Json, event: Json) -> Iterator[Fact]:
        leg = channel["id"]
        if kind == "StasisStart":
            yield from self._started(channel, event.get("args", []))
            return
        known = self.legs.get(leg)
        if kind == "ChannelDestroyed":
            yield self._ended(leg, known or Known(), event)
        elif known is None:
            return  # it has ended: some events of a leg overtake each other
        elif kind == "StasisEnd":
            # What we did not make ourselves Asterisk no longer tells of once it has left the application; it leaves to
            # be hung up.
            if known.arrived:
                self._forget(leg)
                yield Ended(leg, EndCause.HANGUP, "the customer's call ended")
        elif kind == "Dial":
            yield from self._dial(leg, known, event["dialstatus"])
        elif kind == "ChannelStateChange":
            yield from self._state(leg, known, channel)
        elif kind == "ChannelHangupRequest":
            # A request without `soft` is the other side's; the first one counts.
            known.far_end_spoke |= not known.hanging_up and not event.get("soft", False)
            known.hanging_up = True
        elif kind == "ChannelDtmfReceived":
            yield Digit(leg, event["digit"])
        elif kind == "ChannelEnteredBridge":
            yield EnteredBridge(leg, event["bridge"]["id"])
        elif kind == "ChannelLeftBridge":
            yield LeftBridge(leg, event["bridge"]["id"])

    def _started(self, channel: Json, args: list[str]) -> Iterator[Fact]:
        leg = channel["id"]
        entered, *words = args or [""]
        if entered == ARRIVES:
            yield from self._arrived(channel, words)
        elif entered == BACK_FROM_DETECTION:
            yield from _verdict(leg, words)
        elif entered == BACK_FROM_BEEP:
            number = int(words[0]) if words and words[0].isdecimal() else 0
            if number not in self.legs.setdefault(leg, Known(answered=True)).stopped:
                yield BeepOver(leg, number)
        elif leg not in self.legs:
            self.legs[leg] = Known()
            yield Created(leg)

    def _arrived(self, channel: Json, words: list[str]) -> Iterator[Fact]:
        leg = channel["id"]
        if leg not in self.ended:
            self.legs.setdefault(leg, Known(dialled=True, rang=True, answered=True, arrived=True))
            yield Arrived(leg, words[0] if words else "", channel["caller"]["number"])

    def _dial(self, leg: str, known: Known, status: str) -> Iterator[Fact]:
        yield from self._dialled(leg, known)
        if not status:
            known.missed = False  # dialled just now: all that follows will be heard
        # PROGRESS is 183: a network's own announcement or ring tone, and a phone that may be ringing.
        if status in ("RINGING", "PROGRESS"):
            yield from self._rang(leg, known)

    def _state(self, leg: str, known: Known, channel: Json) -> Iterator[Fact]:
        if channel["state"] == "Ringing":
            yield from self._rang(leg, known)
        elif channel["state"] == "Up":
            if not known.answered:
                yield from self._dialled(leg, known)
                known.answered = True
                yield Answered(leg)
            yield from self._detect(leg, known, channel)

    def _dialled(self, leg: str, known: Known) -> Iterator[Fact]:
        if not known.dialled:
            known.dialled = True
            yield Dialling(leg)

    def _rang(self, leg: str, known: Known) -> Iterator[Fact]:
        yield from self._dialled(leg, known)
        if not known.rang:
            known.rang = True
            if not known.answered:
                yield Ringing(leg)

    def _detect(self, leg: str, known: Known, channel: Json) -> Iterator[Fact]:
        waits = entered_with(channel, self._app)[0] == ENTERS_FOR_DETECTION
        if waits and channel["state"] == "Up" and not known.detecting:
            known.detecting = True
            yield Detect(leg)

    def _ended(self, leg: str, known: Known, event: Json) -> Fact:
        self._forget(leg)
        cause = end_cause(event["cause"], answered=known.answered, rang=known.rang, far_end_spoke=known.far_end_spoke)
        if known.missed and cause is EndCause.UNREACHABLE and event["cause"] not in TRUNK_CAUSES:
            cause = EndCause.UNKNOWN
        answer = event.get("tech_cause") if known.far_end_spoke else None
        detail = f"{event['cause_txt']} ({event['cause']}" + (f", SIP {answer})" if answer else ")")
        return Ended(leg, cause, detail)

    def _forget(self, leg: str) -> None:
        self.legs.pop(leg, None)
        self.ended.append(leg)

    def _note_stop(self, event: Json) -> None:
        if event.get("eventname") != STOP_EVENT:
            return
        found = leg_and_number(str(event.get("userevent", {}).get("stopped", "")))
        if found and found[0] in self.legs:
            self.legs[found[0]].stopped.add(found[1])

    def _finished(self, playback: Json) -> Iterator[Fact]:
        found = leg_and_number(playback["id"])
        known = self.legs.get(found[0]) if found else None
        # A list that was stopped, or cut off by the end of its leg, has not ended by itself.
        if found and known and not known.hanging_up and found[1] not in known.stopped:
            yield SoundsFinished(*found, failed=playback["state"] == "failed")


def _verdict(leg: str, words: list[str]) -> Iterator[Fact]:
    status = words[0] if words else ""
    if status != "HANGUP":
        yield Progress(leg, VERDICTS.get(status, Verdict.UNSURE), " ".join(words[1:]) or status)
