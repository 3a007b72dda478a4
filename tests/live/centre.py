"""The whole service on a real Asterisk: started as in production, used over HTTP, watched in its database."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

from tests.chaos.installation import Installation
from tests.live.asterisk import Asterisk

STAND_BY = "second telephony"
OPTIONS = {
    "_route_point": "8999@SIP_Switch",
    "_resource_group": "DNIS",
    "_urs_virtual_queue": "Billing_VQ",
    "_target": "Billing@StatServer.GA",
    "_max_dial_attempts": "1",
    "_dial_retry_timeout": "1",
    "_ixn_createcall_timeout": "6",
    "_wrap_up_time": "5",
    "_agent_reserve_timeout": "4",
    "_treatment_customer_connect": "live/connect.wav",
    "_treatment_waiting_for_agent": "live/waiting.wav",
}


class Centre(Installation):
    """Web, workers, Beat, a telephony process and its stand-by, on `asterisk`."""

    program = "tests.live.prepare"

    def __init__(
        self,
        folder: Path,
        asterisk: Asterisk,
        agents: dict[str, str],
        skills: dict[str, dict[str, int]] | None = None,
    ) -> None:
        """`agents` by name with their phone, `skills` by agent with their levels."""
        super().__init__(folder, speed=1.0, agents=())
        self.contents = {
            "switch": vars(asterisk.row),
            "route_points": {"8999": asterisk.trunk, "dead": asterisk.dead_trunk},
            "agents": agents,
            "skills": skills or {},
            "options": OPTIONS,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/genesys/1/service/callback/live"

    def begin(self, *ready: str, **options: str) -> None:
        """A quiet centre whose service has these options besides `OPTIONS`; only the named agents are ready."""
        self.end_what_goes_on()
        self.query("UPDATE services_configuredservice SET options = %s::jsonb", json.dumps({**OPTIONS, **options}))
        self.query("UPDATE telephony_routepoint SET failures = 0, unavailable_until = NULL")
        self.query(
            """
            UPDATE telephony_agent SET reason = '', wrap_up_until = NULL, wrap_up_for = '', number = '',
                state = CASE WHEN name = ANY(%s) THEN 'ready' ELSE 'logged_out' END,
                idle_since = now() - make_interval(secs => 100 - coalesce(array_position(%s, name::text), 0))
            WHERE reserved_for IS NULL
            """,
            list(ready),
            list(ready),
        )

    def end_what_goes_on(self) -> None:
        """A test that failed leaves its callback behind, which would take the agents of the tests after it."""
        for (callback,) in self.query("SELECT id FROM callbacks_callback WHERE state <> 'COMPLETED'"):
            self.cancel(callback)
        self.eventually(lambda: not self.number("SELECT count(*) FROM telephony_leg WHERE state <> 'ended'"), 60)
        self.eventually(lambda: not self.number("SELECT count(*) FROM telephony_agent WHERE reserved_for <> ''"), 60)
        self.eventually(lambda: not self.number("SELECT count(*) FROM telephony_queueentry"), 60)

    def request(self, number: str) -> str:
        """A customer's app asks for a call; the id of the callback."""
        return str(self.ask(number)["_id"])

    def ask(self, number: str) -> dict[str, str]:
        """What a customer's app is answered that asks for a call."""
        answer = httpx2.post(
            self.url,
            data={"_customer_number": number, "usr_reason": "billing"},
            headers={"x-api-key": self.key},
            timeout=20,
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def pool(self, *numbers: str) -> None:
        """The access numbers that customers are given."""
        pool = {"_allocation": "LOCAL"} | {f"number{i}": number for i, number in enumerate(numbers)}
        self.query("DELETE FROM telephony_accessbooking")
        self.query("DELETE FROM services_namedlist WHERE name = 'GMS_Resources'")
        self.query(
            "INSERT INTO services_namedlist (name, sections) VALUES ('GMS_Resources', %s::jsonb)",
            json.dumps({"DNIS": pool}),
        )

    def cancel(self, callback: str) -> httpx2.Response:
        return httpx2.delete(f"{self.url}/{callback}", headers={"x-api-key": self.key})

    def stage(self, callback: str) -> str:
        return str(self.query("SELECT stage FROM callbacks_callback WHERE id = %s", callback)[0][0])

    def until_stage(self, callback: str, stage: str, timeout: float = 60) -> None:
        self.eventually(lambda: self.stage(callback) == stage, timeout, callback)

    def outcome(self, callback: str, timeout: float = 90) -> tuple[str, str]:
        """State and reason once the callback is over and nothing of it is left on the switch."""
        self.until_stage(callback, "ended", timeout)
        live = "SELECT count(*) FROM telephony_leg WHERE call_id = %s AND state <> 'ended'"
        self.eventually(lambda: not self.number(live, callback), 30, callback)
        state, reason = self.query("SELECT state, reason FROM callbacks_callback WHERE id = %s", callback)[0]
        return state, reason

    def stages(self, callback: str) -> list[str]:
        """The stages in order, without repetitions."""
        rows = self.query("SELECT stage FROM callbacks_journalentry WHERE callback_id = %s ORDER BY id", callback)
        return [stage for i, (stage,) in enumerate(rows) if i == 0 or rows[i - 1][0] != stage]

    def results(self, callback: str, party: str = "customer") -> list[str]:
        return [
            result
            for (result,) in self.query(
                "SELECT result FROM callbacks_attempt WHERE callback_id = %s AND party = %s ORDER BY number",
                callback,
                party,
            )
        ]

    def reservation(self, agent: str) -> str:
        return str(self.query("SELECT reservation FROM telephony_agent WHERE name = %s", agent)[0][0])

    def agent(self, name: str) -> tuple[Any, ...]:
        return self.query("SELECT state, reason FROM telephony_agent WHERE name = %s", name)[0]

    def eventually(self, true: Callable[[], bool], timeout: float, callback: str = "") -> None:
        until = time.monotonic() + timeout
        while not true():
            assert time.monotonic() < until, f"it did not come to pass within {timeout} s\n{self.story(callback)}"
            time.sleep(0.05)

    def story(self, callback: str) -> str:
        rows = self.query(
            "SELECT at::time, state, stage, text FROM callbacks_journalentry WHERE callback_id = %s ORDER BY id",
            callback,
        )
        legs = self.query("SELECT id, state, cause, bridge FROM telephony_leg")
        return "\n".join([*(" ".join(map(str, row)) for row in (*rows, *legs)), self.logs()])

    def start_stand_by(self) -> None:
        self.start(STAND_BY)
