"""Customers' apps that request callbacks over HTTP, from several threads, and try again where the service said no."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import httpx2

PAUSE_SECONDS = 0.3
PATIENCE_SECONDS = 60.0


@dataclass
class Start:
    """One request for a callback: what it was answered, how long the answer took, and what went wrong before it."""

    number: str
    id: str = ""
    answered_at: float = 0.0
    seconds: float = 0.0
    refused: list[str] = field(default_factory=list)


class Clients:
    """Start a callback for each number, so many a second, in the order given."""

    def __init__(self, url: str, key: str, numbers: Sequence[str], *, rate: float, threads: int = 4) -> None:
        self.starts = [Start(number) for number in numbers]
        self._url = url
        self._key = key
        self._begun = time.monotonic()
        self._todo: SimpleQueue[tuple[float, Start]] = SimpleQueue()
        for position, start in enumerate(self.starts):
            self._todo.put((position / rate, start))
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    @property
    def answered(self) -> int:
        return sum(bool(start.id) for start in self.starts)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)

    def _work(self) -> None:
        # A connection each: one that was kept open may be closed by the server just as the next request is written.
        headers = {"x-api-key": self._key, "Connection": "close"}
        with httpx2.Client(headers=headers, timeout=10, trust_env=False) as client:
            while True:
                try:
                    after, start = self._todo.get_nowait()
                except Empty:
                    return
                time.sleep(max(0.0, self._begun + after - time.monotonic()))
                self._insist(client, start)

    def _insist(self, client: httpx2.Client, start: Start) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            asked = time.monotonic()
            try:
                answer = client.post(self._url, data={"_customer_number": start.number})
            except httpx2.HTTPError as error:
                start.refused.append(type(error).__name__)
            else:
                if answer.status_code == 200:
                    start.answered_at = time.monotonic()
                    start.seconds = start.answered_at - asked
                    start.id = answer.json()["_id"]
                    return
                start.refused.append(f"{answer.status_code} {answer.text[:100]}")
            time.sleep(PAUSE_SECONDS)
