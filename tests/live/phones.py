"""The phones of a test: customers behind the trunk and agents' desk phones, all told in advance how to behave."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.live import audio

PHONE = Path(__file__).with_name("phone.py")
Event = Mapping[str, Any]


@dataclass
class Phone:
    """One number, or one agent's phone."""

    network: Phones
    number: str

    @property
    def sip_address(self) -> str:
        """What an admin enters as an agent's phone."""
        return f"PJSIP/{self.number}"

    @property
    def events(self) -> list[Event]:
        """`expecting`, `invite`, `answered`, `ended` in the order in which they happened; `t` is Unix time."""
        return [event for event in self.network.events if event.get("number") == self.number]

    @property
    def calls(self) -> int:
        """How often it was rung."""
        return sum(event["event"] == "invite" for event in self.events)

    def behave(self, **behaviour: object) -> None:
        """Change what it does with the next call; see `phone.Behaviour`."""
        record = self.network.folder / f"{self.number}-{{call}}.wav"
        play = behaviour.get("play")
        told = sum(event["event"] == "expecting" for event in self.events)
        self.network.tell("expect", self.number, {"record": str(record), **behaviour, "play": str(play or "")})
        self.wait("expecting", count=told + 1)

    def hang_up(self) -> None:
        self.network.tell("hang_up", self.number)

    def wait(self, event: str, *, count: int = 1, timeout: float = 15) -> Event:
        """The `count`-th event of this kind, once it has happened."""
        give_up = time.monotonic() + timeout
        with self.network.changed:
            while True:
                found = [seen for seen in self.events if seen["event"] == event]
                if len(found) >= count:
                    return found[count - 1]
                if not self.network.changed.wait(give_up - time.monotonic()):
                    raise AssertionError(f"{self.number}: no {event} within {timeout} s, only {self.events}")

    def heard(self, *, call: int = 1) -> audio.Sound:
        """What it heard in its `call`-th answered call, which must be over."""
        ended = self.wait("ended", count=call)
        return audio.read(self.network.folder / f"{self.number}-{ended['call']}.wav")


@dataclass
class Phones:
    """One process that is every phone of the test run (see `phone.py`)."""

    sip_port: int
    rtp_port: int
    folder: Path
    events: list[Event] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    _process: subprocess.Popen[str] | None = None
    _numbers: int = 0

    def start(self) -> None:
        with (self.folder / "phones.log").open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(PHONE), str(self.sip_port), str(self.rtp_port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        threading.Thread(target=self._read, daemon=True).start()
        with self.changed:
            if not self.changed.wait_for(lambda: any(event["event"] == "ready" for event in self.events), 15):
                raise RuntimeError(f"the phones did not start: {(self.folder / 'phones.log').read_text()[-2000:]}")

    def stop(self) -> None:
        if self._process is not None:
            self.tell("quit", "")
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def customer(self, number: str = "", **behaviour: object) -> Phone:
        """Somebody behind the trunk (`Asterisk.trunk`); without a number, one that no other test has."""
        if not number:
            self._numbers += 1
            number = f"4930{self._numbers:07d}"
        return self._phone(number, behaviour)

    def agent(self, name: str, **behaviour: object) -> Phone:
        """The desk phone of one of `asterisk.AGENTS`."""
        return self._phone(name, behaviour)

    def tell(self, what: str, number: str, behaviour: Mapping[str, object] | None = None) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        line = {"do": what, "number": number} | ({} if behaviour is None else {"behaviour": behaviour})
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()

    def _phone(self, number: str, behaviour: Mapping[str, object]) -> Phone:
        phone = Phone(self, number)
        phone.behave(**behaviour)
        return phone

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with (self.folder / "phones.log").open("a", buffering=1) as log:
            for line in self._process.stdout:
                if not line.startswith("{"):
                    log.write(line)  # PJSIP's own words
                    continue
                with self.changed:
                    self.events.append(json.loads(line))
                    self.changed.notify_all()
