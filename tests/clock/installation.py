"""The whole service under a clock that a test moves forward: web, workers, Beat and telephony, as real processes.

libfaketime (Debian's package) shifts what each of them reads as the time of day, by the offset in a file that they
share and look at every time. PostgreSQL and Redis keep the real clock, as do all time-outs: leases, claims and
heartbeats must not notice anything. The clock is never moved back.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from tests.chaos.installation import Installation

PATIENCE_SECONDS = 60.0
# The latest lines of all timelines, for failure messages.
STORY = "SELECT at, callback_id, state, stage, text FROM callbacks_journalentry ORDER BY id DESC LIMIT 20"
SITE = Path(__file__).resolve().parent / "site"


class ShiftedInstallation(Installation):
    """`offices` gives each office's time zone by the name of the service that promises calls in its hours."""

    program = "tests.clock.prepare"

    def __init__(self, folder: Path, *, starts_at: datetime, offices: Mapping[str, str]) -> None:
        super().__init__(folder, speed=20, agents=["kate", "joe"])
        self.contents["offices"] = dict(offices)
        self._library = _library()
        self._offset_file = folder / "offset"
        self.move_to(starts_at)

    def now(self) -> datetime:
        """What the processes take for the present."""
        return datetime.now(UTC) + self._offset

    def move_to(self, at: datetime) -> None:
        """Let their clocks show this moment now, and run on."""
        self._offset = at - datetime.now(UTC)
        new = self._offset_file.with_suffix(".new")
        new.write_text(f"{self._offset.total_seconds():+.3f}\n")
        # At once: half a line would be another time.
        new.replace(self._offset_file)

    def wait(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query, as soon as it finds any."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not (rows := self.query(sql, *values)):
            assert time.monotonic() < until, f"not by {self.now()}: {sql}\n{self.query(STORY)}\n{self.logs()}"
            time.sleep(0.05)
        return rows

    def slots(self, service: str, day: str, zone: str) -> list[dict[str, Any]]:
        """What is offered on a local day."""
        answer = self._client().get(
            self._url(2, service) + "/availability",
            params={"start": f"{day}T00:00:00", "number-of-days": "1", "timezone": zone},
        )
        assert answer.status_code == 200, answer.text
        return list(answer.json()["slots"])

    def book(self, service: str, number: str, time: str) -> str:
        """Start a callback for a time that was offered; its id."""
        body = {"_customer_number": number, "_desired_time": time}
        answer = self._client().post(self._url(1, service), data=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["_id"])

    def _url(self, version: int, service: str) -> str:
        return f"http://127.0.0.1:{self.port}/genesys/{version}/service/callback/{service}"

    def _client(self) -> httpx2.Client:
        # A connection each: one kept open may have been closed by the server when it is used again.
        return httpx2.Client(headers={"x-api-key": self.key, "Connection": "close"}, timeout=30, trust_env=False)

    def _environment(self) -> dict[str, str]:
        return {
            **super()._environment(),
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": str(self._offset_file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(SITE),
        }


def _library() -> str:
    """libfaketime for programs with threads, wherever the machine's architecture puts it."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    assert found, "The Debian package libfaketime is not installed."
    return str(found[0])
