"""A contact centre on six hosts: a database and broker, two of the service, two Asterisks, and everybody's phones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
import psycopg

from callbacksite.embedded import DATABASE, Postgres, Redis, ends_with_parent
from callbacksite.run import commands
from tests.chaos.installation import ROOT, SETTINGS
from tests.hosts.network import NET, Network
from tests.hosts.people import People
from tests.live import audio
from tests.live.asterisk import Asterisk

DB, PHONES = "db", "phones"
APPS = ("app1", "app2")
SWITCHES = {"SIP_A": "switch-a", "SIP_B": "switch-b"}
AGENTS = tuple(f"agent{number}" for number in range(24))
CUSTOMERS_PORT, AGENTS_PORT = 5060, 5070
DB_PORT, WEB_PORT = 5432, 8000
START_SECONDS = 60.0
RING_SECONDS, LONG_RING_SECONDS, TALK_SECONDS = 0.5, 5.0, 15.0
OPTIONS = {
    "_route_point": ", ".join(f"8999@{name}" for name in SWITCHES),
    "_resource_group": "DNIS",
    "_urs_virtual_queue": "Billing_VQ",
    "_target": "Billing@StatServer.GA",
    "_max_dial_attempts": "3",
    "_dial_retry_timeout": "1",
    # Longer than a switch must be out of reach before what rings there counts as unknown.
    "_ixn_createcall_timeout": "80",
    "_wrap_up_time": "1",
}


@dataclass
class App:
    """One host of the service: web, a worker, the clock, Beat and telephony, as `make run` starts them."""

    name: str
    address: str
    folder: Path
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{self.address}:{WEB_PORT}/genesys/1/service/callback/hosts"

    @property
    def telephony(self) -> str:
        """What this host's telephony process writes into a lease, as far as it is known here."""
        return f":{self.processes['telephony'].pid}:"

    def start(self, *names: str) -> None:
        for name in names:
            command = [
                word.replace("127.0.0.1", self.address).replace("%h", self.name) for word in commands(WEB_PORT)[name]
            ]
            with (self.folder / f"{self.name}-{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    ends_with_parent(command),
                    cwd=ROOT,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

    def log(self, name: str) -> str:
        return (self.folder / f"{self.name}-{name}.log").read_text(errors="replace")

    def kill(self) -> None:
        for process in self.processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Hosts:
    """Everything, started and stopped. To be used from one thread, which stands at the network's switchboard."""

    def __init__(self, folder: Path, network: Network, asterisk_root: Path) -> None:
        self.folder = folder
        self.network = network
        at = network.addresses
        hba = folder / "pg_hba.conf"
        hba.write_text(f"local all all trust\nhost all all {NET}.0/24 trust\n")
        listen = {"listen_addresses": at[DB], "port": str(DB_PORT), "hba_file": str(hba)}
        self.postgres = Postgres(folder / "postgres", {**SETTINGS, **listen})
        self.redis = Redis(at[DB])
        sound = folder / "hello.ul"
        self.customers = People(
            at[PHONES], CUSTOMERS_PORT, folder, sound, ring=RING_SECONDS, long=LONG_RING_SECONDS, talk=TALK_SECONDS
        )
        # They leave the hanging up to the customers.
        self.agents = People(at[PHONES], AGENTS_PORT, folder, sound, ring=RING_SECONDS, talk=600)
        self.asterisks = {
            name: Asterisk(
                asterisk_root,
                CUSTOMERS_PORT,
                AGENTS_PORT,
                address=at[host],
                phones_address=at[PHONES],
                agents=AGENTS,
                rtp_timeout=20,
                password="secret-on-a-private-network",
            )
            for name, host in SWITCHES.items()
        }
        self.apps = [App(name, at[name], folder, self._environment()) for name in APPS]
        self.key = ""
        self.refused: list[str] = []
        self._failed_at: dict[str, float] = {}
        self._turn = 0

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    # What happens to it

    def request(self, number: str) -> str:
        """A customer's app asks for a call, as through a load balancer: of each host in turn, or else of the other.

        A host that failed is left out for some seconds.
        """
        self._turn += 1
        in_turn = (self.apps[self._turn % 2], self.apps[(self._turn + 1) % 2])
        for app in sorted(in_turn, key=lambda app: self._failed_at.get(app.name, 0.0) > time.monotonic() - 15):
            try:
                answer = httpx2.post(
                    app.url,
                    data={"_customer_number": number},
                    headers={"x-api-key": self.key},
                    timeout=httpx2.Timeout(10, connect=0.5),
                    trust_env=False,
                )
            except httpx2.TransportError as error:
                self.refused.append(f"{app.name}: {type(error).__name__}")
            else:
                if answer.status_code == 200:
                    return str(answer.json()["_id"])
                self.refused.append(f"{app.name}: {answer.status_code}")
            self._failed_at[app.name] = time.monotonic()
        raise AssertionError(f"nobody accepts a callback: {self.refused}")

    def holder(self, switch: str) -> App | None:
        """The host whose telephony process holds the lease of this switch now."""
        sql = "SELECT lease_holder FROM telephony_switch WHERE name = %s AND lease_until > now()"
        held = self.query(sql, switch)
        return next((app for app in self.apps if held and app.telephony in held[0][0]), None)

    def is_live(self, switch: str) -> bool:
        """Whether phones may be rung there: somebody holds its lease and reaches it."""
        sql = (
            "SELECT count(*) FROM telephony_switch WHERE name = %s AND lease_until > now() "
            "AND reachable_at > now() - interval '6 s'"
        )
        return bool(self.number(sql, switch))

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Over the database's Unix socket, which no network cuts."""
        with psycopg.connect(
            host=str(self.postgres.sockets), port=DB_PORT, user="postgres", dbname=DATABASE, autocommit=True
        ) as connection:
            done = connection.execute(sql, values or None)
            return [] if done.description is None else done.fetchall()

    def number(self, sql: str, *values: Any) -> int:
        return int(self.query(sql, *values)[0][0])

    def wait(self, what: str, true: Callable[[], bool], *, seconds: float) -> float:
        """How many seconds it took to come true."""
        begun = time.monotonic()
        while not true():
            assert time.monotonic() < begun + seconds, f"not within {seconds:.0f} s: {what}\n{self.story()}"
            time.sleep(0.1)
        return time.monotonic() - begun

    def story(self) -> str:
        parts = {
            "switches": "SELECT name, lease_holder, lease_epoch, lease_until, reachable_at FROM telephony_switch",
            "legs": "SELECT id, switch_id, state, cause, deleting, sent_at::time FROM telephony_leg",
            "calls": "SELECT owner, settled, claim_until::time, look_at::time, looks FROM telephony_call",
            "not ended": "SELECT id, customer_number, stage FROM callbacks_callback WHERE stage <> 'ended'",
            "agents": "SELECT name, state, reserved_for FROM telephony_agent WHERE reserved_for IS NOT NULL",
            "journal": """
                SELECT callback_id, at::time, stage, text FROM callbacks_journalentry
                WHERE callback_id IN (SELECT id FROM callbacks_callback WHERE stage <> 'ended' LIMIT 3) ORDER BY id""",
        }
        lines = [f"{title}\n  " + "\n  ".join(map(str, self.query(sql)[:40])) for title, sql in parts.items()]
        logs = [f"--- {path.name}\n{path.read_text(errors='replace')[-1500:]}" for path in self.folder.glob("app*.log")]
        return "\n".join(lines + logs)

    # Starting and stopping

    def _start(self) -> None:
        self._record_hello()
        with self.network.inside(DB):
            self.postgres.start()
            self.redis.start()
        for name, asterisk in self.asterisks.items():
            asterisk.prepare()
            with self.network.inside(SWITCHES[name]):
                asterisk.launch()
        with self.network.inside(PHONES):
            self.customers.start()
            self.agents.start()
        with self.network.inside(APPS[0]):
            self.key = self._prepare()
        first, second = self.apps
        with self.network.inside(first.name):
            # First of all, so that this host listens and the other stands by.
            first.start("telephony")
            first.start(*(name for name in commands(WEB_PORT) if name != "telephony"))
        with self.network.inside(second.name):
            second.start(*(name for name in commands(WEB_PORT) if name != "telephony"))
        for name, asterisk in self.asterisks.items():
            asterisk.wait_until_ready()
            self.wait(f"{name} is listened to", partial(self.is_live, name), seconds=START_SECONDS)
        with self.network.inside(second.name):
            second.start("telephony")
        for app in self.apps:
            self.wait(f"{app.name} answers", partial(self._answers, app), seconds=START_SECONDS)

    def _record_hello(self) -> None:
        """What customers and agents say: a short hello, by which they are known as human."""
        word = audio.speech("Hello?")
        path = (audio.silence(0.3, rate=word.rate) + word + audio.silence(3, rate=word.rate)).write(
            self.folder / "hello.wav"
        )
        subprocess.run(
            ["sox", str(path), "-t", "ul", "-r", "8000", "-c", "1", str(self.customers.sound)], check=True, timeout=20
        )

    def _prepare(self) -> str:
        contents = {
            "switches": {name: vars(asterisk.row) for name, asterisk in self.asterisks.items()},
            "trunk": Asterisk.trunk,
            "agents": AGENTS,
            "options": OPTIONS,
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.hosts.prepare", json.dumps(contents)],
            cwd=ROOT,
            env={**self._environment(), "DATABASE_MAINTENANCE": "true"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DATABASE_URL": f"postgres://postgres@{self.network.addresses[DB]}:{DB_PORT}/{DATABASE}",
            "REDIS_URL": self.redis.url,
            "ALLOWED_HOSTS": ",".join(self.network.addresses.values()),
            "DJANGO_SETTINGS_MODULE": "callbacksite.settings",
            "LOG_LEVEL": "WARNING",
            "PYTHONWARNINGS": "ignore",
            "PYTHONUNBUFFERED": "1",
        }

    def _answers(self, app: App) -> bool:
        with suppress(httpx2.TransportError):
            return bool(httpx2.get(f"{app.url}/none", timeout=2, trust_env=False).status_code)
        return False

    def _end(self) -> None:
        for app in self.apps:
            app.kill()
        for asterisk in self.asterisks.values():
            asterisk.kill()
            asterisk.remove()
        for people in (self.customers, self.agents):
            people.stop()
        self.redis.stop()
        with suppress(psycopg.Error):
            self.postgres.stop()
