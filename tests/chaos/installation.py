"""The whole service as it runs in production, on servers of its own, with handles to break each part of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

import psutil
import psycopg
import redis

from callbacksite.embedded import DATABASE, Postgres, Redis, ends_with_parent, free_port
from callbacksite.run import commands

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 60.0
# What the systemd units allow (TimeoutStopSec).
STOP_SECONDS = 30.0
# A commit must survive what happens here, so only the disk's own cache is trusted.
SETTINGS = {"fsync": "off", "full_page_writes": "off"}


class Installation:
    """Web, workers, Beat and telephony as `make run` starts them, each to be killed and started again on its own.

    To be used from one thread: Linux ends a process started with `ends_with_parent` with the thread that started it.
    """

    # Fills the database; gets `contents` as JSON and prints an API key.
    program = "tests.chaos.prepare"

    def __init__(self, folder: Path, *, speed: float, agents: Iterable[str], **options: str) -> None:
        self.folder = folder
        # The code that is started from now on; a newer one may take over.
        self.root = ROOT
        # Sockets that every process gets.
        self.passed_on: tuple[int, ...] = ()
        self.postgres = Postgres(folder / "postgres", SETTINGS)
        self.redis = Redis()
        self.port = free_port()
        self.speed = speed
        self.contents: dict[str, Any] = {"agents": list(agents), "options": options}
        self.key = ""
        self.groups: dict[str, subprocess.Popen[bytes]] = {}

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

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/genesys/1/service/callback/chaos"

    def command(self, name: str) -> list[str]:
        """What is started under a name. A second of its kind has a name of its own."""
        return commands(self.port)[name.removeprefix("second ")]

    def start(self, name: str) -> None:
        command = self.command(name)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.groups[name] = subprocess.Popen(
                ends_with_parent([part.replace(str(ROOT), str(self.root)) for part in command]),
                cwd=self.root,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self.passed_on,
            )

    def stop(self, name: str) -> float:
        """SIGTERM, as a supervisor of processes stops one for good; the seconds that its end took."""
        begun = time.monotonic()
        process = self.groups.pop(name)
        process.terminate()
        process.wait(STOP_SECONDS)
        return time.monotonic() - begun

    def kill(self, name: str) -> None:
        """SIGKILL for a process and everything that it started."""
        process = self.groups.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def revive(self) -> list[str]:
        """Start again what ended by itself, as a supervisor of processes does; their names."""
        ended = [name for name, process in self.groups.items() if process.poll() is not None]
        for name in ended:
            self.kill(name)
            self.start(name)
        return ended

    def kill_a_child(self, name: str, chance: Random) -> bool:
        """SIGKILL for one of the processes in which a worker carries out its tasks. False: it has none now."""
        with suppress(KeyError, psutil.Error):
            if children := psutil.Process(self.groups[name].pid).children():
                chance.choice(children).kill()
                return True
        return False

    def crash_postgres(self) -> None:
        """As after a power cut, as far as PostgreSQL can tell: no shutdown, every connection gone."""
        assert self.postgres.process is not None
        self.postgres.process.send_signal(signal.SIGQUIT)
        self.postgres.process.wait()

    def empty_redis(self) -> None:
        with redis.Redis.from_url(self.redis.url, socket_timeout=5) as client:
            client.flushall()

    def freeze_redis(self) -> None:
        """It accepts connections and answers nothing."""
        assert self.redis.process is not None
        self.redis.process.send_signal(signal.SIGSTOP)

    def thaw_redis(self) -> None:
        assert self.redis.process is not None
        self.redis.process.send_signal(signal.SIGCONT)

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.postgres.connect(DATABASE) as connection:
            done = connection.execute(sql, values or None)
            return [] if done.description is None else done.fetchall()

    def number(self, sql: str, *values: Any) -> int:
        return int(self.query(sql, *values)[0][0])

    def logs(self) -> str:
        """The end of what each process printed, for failure messages."""
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted(self.folder.glob("*.log")))

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "SIMULATOR_SPEED": str(self.speed),
            "DJANGO_SETTINGS_MODULE": "callbacksite.settings",
            "LOG_LEVEL": "WARNING",
            "PYTHONWARNINGS": "ignore",
            "PYTHONUNBUFFERED": "1",
        }

    def _start(self) -> None:
        self.postgres.start()
        self.redis.start()
        prepared = subprocess.run(
            [sys.executable, "-m", self.program, json.dumps(self.contents)],
            cwd=ROOT,
            env={**self._environment(), "DATABASE_MAINTENANCE": "true"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert prepared.returncode == 0, prepared.stderr
        self.key = prepared.stdout.strip()
        for name in commands(self.port):
            self.start(name)
        self._wait_until_up()

    def _wait_until_up(self) -> None:
        until = time.monotonic() + START_SECONDS
        while not (self._web_answers() and self.is_listened_to()):
            assert time.monotonic() < until, f"not up within {START_SECONDS:.0f} s\n{self.logs()}"
            time.sleep(0.1)

    def _web_answers(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def is_listened_to(self) -> bool:
        return bool(self.number("SELECT count(*) FROM telephony_switch WHERE reachable_at > now() - interval '6 s'"))

    def _end(self) -> None:
        for name in list(self.groups):
            self.kill(name)
        if self.redis.process is not None:
            self.thaw_redis()
        self.redis.stop()
        with suppress(psycopg.Error):
            self.postgres.stop()
