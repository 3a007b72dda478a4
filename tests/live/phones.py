"""The phones of a test: customers behind the trunk and agents' desk phones, all told in advance how to behave."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.live import audio

PHONE = Path(__file__).with_name("phone.py")
Event = Mapping[str, Any]


@dataclass
class Phone:
    """One number, or one agent's phone."""

    network: Phones
    line: Line
    number: str
    since: int  # events of earlier tests are not its own

    @property
    def sip_address(self) -> str:
        """What an admin enters as an agent's phone."""
        return f"PJSIP/{self.number}"

    @property
    def events(self) -> list[Event]:
        """`expecting`, `invite`, `answered`, `ended` in the order in which they happened; `t` is Unix time."""
        return [event for event in self.network.events[self.since :] if event.get("number") == self.number]

    @property
    def calls(self) -> int:
        """How often it was rung."""
        return sum(event["event"] == "invite" for event in self.events)

    def behave(self, **behaviour: object) -> None:
        """Change what it does with the next call; see `phone.Behaviour`."""
        record = self.network.folder / f"{self.number}-{{call}}.wav"
        play = behaviour.get("play")
        told = sum(event["event"] == "expecting" for event in self.events)
        self.line.tell("expect", self.number, {"record": str(record), **behaviour, "play": str(play or "")})
        self.wait("expecting", count=told + 1)

    def hang_up(self) -> None:
        self.line.tell("hang_up", self.number)

    def call(self, to: str) -> None:
        """Call this SIP address from its number, and be answered; then it behaves as ever."""
        self.line.tell("call", self.number, to=to)
        self.wait("answered")

    def press(self, digits: str) -> None:
        self.line.tell("press", self.number, digits=digits)

    def wait(self, event: str, *, count: int = 1, timeout: float = 30, call: int | None = None) -> Event:
        """The `count`-th event of this kind, once it has happened; with `call`, of this call alone."""
        give_up = time.monotonic() + timeout
        with self.network.changed:
            while True:
                found = [seen for seen in self.events if seen["event"] == event and call in {None, seen.get("call")}]
                if len(found) >= count:
                    return found[count - 1]
                if not self.network.changed.wait(give_up - time.monotonic()):
                    raise AssertionError(f"{self.number}: no {event} within {timeout} s, only {self.events}")

    def heard(self, *, call: int = 1) -> audio.Sound:
        """What it heard in its `call`-th answered call, which must be over.

        A call of the test before may end only now, where the switch went away beneath it.
        """
        ended = self.wait("ended", call=self.wait("answered", count=call)["call"])
        return audio.read(self.network.folder / f"{self.number}-{ended['call']}.wav")


@dataclass
class Line:
    """One process that is several phones (see `phone.py`), at most four of them in a call."""

    sip_port: int
    rtp_port: int
    folder: Path
    take: Callable[[Event], None]
    _process: subprocess.Popen[str] | None = None

    @property
    def log(self) -> Path:
        return self.folder / f"phones-{self.sip_port}.log"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(PHONE), str(self.sip_port), str(self.rtp_port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def tell(self, what: str, number: str, behaviour: Mapping[str, object] | None = None, **more: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        line = {"do": what, "number": number, **more} | ({} if behaviour is None else {"behaviour": behaviour})
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        assert self._process is not None
        self.tell("quit", "")
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self.log.open("a", buffering=1) as log:
            for line in self._process.stdout:
                if line.startswith("{"):
                    self.take(json.loads(line))
                else:
                    log.write(line)  # PJSIP's own words


class Phones:
    """Every phone of the test run: the customers' behind the trunk, and the agents' on a line of their own."""

    def __init__(self, folder: Path, customers: tuple[int, int], agents: tuple[int, int]) -> None:
        """Both lines with the ports of their SIP and of their audio."""
        self.folder = folder
        self.events: list[Event] = []
        self.changed = threading.Condition()
        self.customers = Line(*customers, folder, self._take)
        self.agents = Line(*agents, folder, self._take)
        self._numbers = 0

    def start(self) -> None:
        for line in (self.customers, self.agents):
            line.start()
        with self.changed:
            if not self.changed.wait_for(lambda: sum(event["event"] == "ready" for event in self.events) == 2, 15):
                raise RuntimeError("the phones did not start: " + self.customers.log.read_text()[-2000:])

    def stop(self) -> None:
        for line in (self.customers, self.agents):
            line.stop()

    def clear(self) -> None:
        """Hang up whatever is left, also calls of an Asterisk that was killed."""
        for line in (self.customers, self.agents):
            line.tell("hang_up", "")

    def customer(self, number: str = "", **behaviour: object) -> Phone:
        """Somebody behind the trunk (`Asterisk.trunk`); without a number, one that no other test has."""
        if not number:
            self._numbers += 1
            number = f"4930{self._numbers:07d}"
        return self._phone(self.customers, number, behaviour)

    def agent(self, name: str, **behaviour: object) -> Phone:
        """The desk phone of one of `asterisk.AGENTS`."""
        return self._phone(self.agents, name, behaviour)

    def _phone(self, line: Line, number: str, behaviour: Mapping[str, object]) -> Phone:
        phone = Phone(self, line, number, since=len(self.events))
        phone.behave(**behaviour)
        return phone

    def _take(self, event: Event) -> None:
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()
