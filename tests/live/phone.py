"""The public network and the agents' phones of the live tests: one user agent that answers as each number is told.

Run as a process of its own (pjsua2 allows one endpoint a process): `phone.py SIP_PORT RTP_PORT`. Commands come as JSON
lines on stdin, events leave as JSON lines on stdout, each with the moment at which it happened (`t`, Unix seconds).

It holds four calls at once (PJSIP as built) and answers a fifth with 486; benches use SIPp.

    {"do": "expect", "number": "4711", "behaviour": {...}}     see `Behaviour`
    {"do": "call", "number": "4711", "to": "sip:4912@127.0.0.1:5060"}     calls from its number, and behaves
    {"do": "press", "number": "4711", "digits": "12#"}     RFC 4733, what a phone sends of its keys
    {"do": "hang_up", "number": "4711"}, "" for all      {"do": "quit"}

    {"t": 1.5, "event": "ready"}
    {"t": 1.5, "event": "expecting", "number": "4711"}
    {"t": 1.5, "event": "invite" | "answered" | "ended", "number": "4711", "call": 3, "from": "...", "detail": "...",
        "headers": {"X-...": "..."}}
"""

from __future__ import annotations

import json
import os
import re
import select
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import pjsua2 as pj

# PJSIP closes a recording in the background; the end of a call is told when its recording is whole.
CLOSE_SECONDS = 0.25


@dataclass(frozen=True)
class Behaviour:
    """What a number does when it is rung. Times are seconds; `code` refuses with that SIP status instead."""

    answer_after: float | None = 0.2
    code: int = 0
    ring: bool = True
    early: bool = False  # 183 instead of 180
    play: str = ""  # wav, from the moment of the answer
    loop: bool = False
    record: str = ""  # wav of what is heard; `{call}` becomes the number of the call
    hang_up_after: float | None = None  # from the answer


@dataclass(frozen=True, order=True)
class Due:
    at: float
    number: int
    what: str = field(compare=False)


def say(event: str, **more: object) -> None:
    sys.stdout.write(json.dumps({"t": time.time(), "event": event, **more}) + "\n")
    sys.stdout.flush()


class Call(pj.Call):  # type: ignore[misc]
    """One call to one of the numbers."""

    def __init__(self, phone: Phone, call_id: int, number: str, behaviour: Behaviour) -> None:
        super().__init__(phone, call_id)
        self.phone = phone
        self.number = number
        self.behaviour = behaviour
        self.player: pj.AudioMediaPlayer | None = None
        self.recorder: pj.AudioMediaRecorder | None = None
        self.serial = phone.next_serial()

    def say(self, event: str, **more: object) -> None:
        say(event, number=self.number, call=self.serial, **more)

    def reply(self, code: int) -> None:
        prm = pj.CallOpParam()
        prm.statusCode = code
        self.answer(prm)

    def finish(self) -> None:
        self.hangup(pj.CallOpParam())

    def do(self, what: str) -> None:
        if not self.isActive():
            return
        if what == "answer":
            self.reply(200)
        elif what == "refuse":
            self.reply(self.behaviour.code)
        else:
            self.finish()

    def onCallState(self, prm: pj.OnCallStateParam) -> None:
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            self.say("answered")
            if self.behaviour.hang_up_after is not None:
                self.phone.later(self.behaviour.hang_up_after, self.serial, "finish")
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            detail = f"{info.lastStatusCode} {info.lastReason}"
            self.phone.ends[self.serial] = {
                "t": time.time(),
                "number": self.number,
                "call": self.serial,
                "detail": detail,
            }
            self.phone.later(0, self.serial, "release")
            self.phone.later(CLOSE_SECONDS, self.serial, "tell the end")

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:
        if self.player or self.recorder:
            return
        audio = self.getAudioMedia(-1)
        if self.behaviour.record:
            self.recorder = pj.AudioMediaRecorder()
            self.recorder.createRecorder(self.behaviour.record.replace("{call}", str(self.serial)))
            audio.startTransmit(self.recorder)
        if self.behaviour.play:
            self.player = pj.AudioMediaPlayer()
            self.player.createPlayer(self.behaviour.play, 0 if self.behaviour.loop else pj.PJMEDIA_FILE_NO_LOOP)
            self.player.startTransmit(audio)


class Phone(pj.Account):  # type: ignore[misc]
    """The account that takes every call, and its clock."""

    def __init__(self) -> None:
        super().__init__()
        self.behaviours: dict[str, Behaviour] = {}
        self.calls: dict[int, Call] = {}
        self.ends: dict[int, dict[str, object]] = {}
        self.due: list[Due] = []
        self.serial = 0

    def next_serial(self) -> int:
        self.serial += 1
        return self.serial

    def later(self, seconds: float, serial: int, what: str) -> None:
        self.due.append(Due(time.monotonic() + seconds, serial, what))

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        request = prm.rdata.wholeMsg
        number = _first(r"^INVITE sips?:([^@;>\s]*)@", request)
        behaviour = self.behaviours.get(number, Behaviour(code=404, ring=False))
        call = Call(self, prm.callId, number, behaviour)
        self.calls[call.serial] = call
        headers = dict(re.findall(r"(?im)^(X-[^:\s]*)\s*:\s*(.*?)\s*$", request))
        call.say("invite", **{"from": _first(r"(?im)^From:\s*(.*?)\s*$", request), "headers": headers})
        if behaviour.early:
            call.reply(183)
        elif behaviour.ring:
            call.reply(180)
        if behaviour.code:
            self.later(behaviour.answer_after or 0, call.serial, "refuse")
        elif behaviour.answer_after is not None:
            self.later(behaviour.answer_after, call.serial, "answer")

    def call_out(self, number: str, to: str) -> None:
        call = Call(self, pj.PJSUA_INVALID_ID, number, self.behaviours[number])
        self.calls[call.serial] = call
        prm = pj.CallOpParam(True)
        prm.txOption.localUri = f"sip:{number}@127.0.0.1" if number.isdigit() else "sip:anonymous@anonymous.invalid"
        call.makeCall(to, prm)

    def act(self) -> None:
        """Do what has come due."""
        now = time.monotonic()
        ready = sorted(due for due in self.due if due.at <= now)
        self.due = [due for due in self.due if due.at > now]
        for due in ready:
            if due.what == "release":
                # At once and for good: PJSIP gives the number of an ended call to the next one.
                del self.calls[due.number]
            elif due.what == "tell the end":
                say("ended", **self.ends.pop(due.number))
            elif due.number in self.calls:
                self.calls[due.number].do(due.what)

    def command(self, message: dict[str, Any]) -> bool:
        """Carry out one line from stdin; True when it was the last."""
        if message["do"] == "expect":
            self.behaviours[message["number"]] = Behaviour(**message["behaviour"])
            say("expecting", number=message["number"])
        elif message["do"] == "call":
            self.call_out(message["number"], message["to"])
        elif message["do"] == "press":
            for call in self.calls.values():
                if message["number"] == call.number and call.isActive():
                    call.dialDtmf(message["digits"])
        elif message["do"] == "hang_up":
            for call in self.calls.values():
                if message["number"] in ("", call.number) and call.isActive():
                    call.finish()
        return bool(message["do"] == "quit")


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found.group(1) if found else ""


def start(sip_port: int, rtp_port: int) -> tuple[pj.Endpoint, Phone]:
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.uaConfig.maxCalls = 4
    config.logConfig.level = 3
    config.logConfig.consoleLevel = 3
    config.medConfig.noVad = True
    config.medConfig.clockRate = 8000
    config.medConfig.ecTailLen = 0
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.port = sip_port
    transport.boundAddress = "127.0.0.1"
    transport.publicAddress = "127.0.0.1"
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    account = pj.AccountConfig()
    account.idUri = f"sip:network@127.0.0.1:{sip_port}"
    account.mediaConfig.transportConfig.port = rtp_port
    account.mediaConfig.transportConfig.portRange = 120
    account.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
    phone = Phone()
    phone.create(account)
    return endpoint, phone


def main() -> None:
    endpoint, phone = start(int(sys.argv[1]), int(sys.argv[2]))
    say("ready")
    pending = b""
    stdin = sys.stdin.fileno()
    over = False
    while not over:
        endpoint.libHandleEvents(5)
        phone.act()
        if select.select([stdin], [], [], 0)[0]:
            data = os.read(stdin, 65536)
            if not data:
                break
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                over |= phone.command(json.loads(line))
    phone.calls.clear()
    endpoint.libDestroy()


if __name__ == "__main__":
    main()
