"""`make run`: every process of the service under one parent, which takes all of them down with it.

1. Take DATABASE_URL and REDIS_URL from the environment, or start servers of our own in `.local/`.
2. Migrate; unless DEMO=0, load the demo configuration.
3. Start web, workers, Beat and telephony, and print their lines with their names in front.
4. When the web answers, let the demo submit its call (unless DEMO=0), then serve until Ctrl-C.
5. One process that ends by itself ends all: half a service would look like a whole one.

Read from the environment: PORT, DEMO, LOCAL_DIR, DATABASE_URL, REDIS_URL; the rest is in settings.py.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from callbacksite.embedded import CannotStart, ends_with_parent, servers

HOST = "127.0.0.1"
BASE_DIR = Path(__file__).resolve().parent.parent
MANAGE = [sys.executable, str(BASE_DIR / "manage.py")]
# On a developer's own machine neither is news: a worker of root's, and static files that were never collected.
QUIET = "ignore:You're running the worker with superuser,ignore:No directory at"
# Longer than a worker's task may need to finish (flow tasks take less than 2 s).
STOP_SECONDS = 8.0
WEB_SECONDS = 60.0
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def commands(port: int) -> dict[str, list[str]]:
    """What runs, by the name in front of its lines; sized for a machine with two cores."""
    python = [sys.executable, "-m"]
    worker = [*python, "celery", "--quiet", "--app=callbacksite", "worker", "--loglevel=WARNING"]
    # Workers that ask each other for news at start are a second slower, and there is nobody to ask.
    worker += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return {
        "web": [
            *python,
            "gunicorn",
            "callbacksite.wsgi",
            f"--bind={HOST}:{port}",
            "--worker-class=gthread",
            "--workers=2",
            "--threads=4",
            "--graceful-timeout=5",
            "--log-level=warning",
        ],
        "worker": [*worker, "--queues=flow", "--concurrency=2", "--hostname=flow@%h"],
        # Threads, since they wait most of the time, and apart from those whom customers on the line wait for.
        "outside": [*worker, "--queues=outside", "--pool=threads", "--concurrency=8", "--hostname=outside@%h"],
        # Ticks and sweeps are short and one at a time: a pool would be a second process without a use.
        "clock": [*worker, "--queues=clock,sweeps", "--pool=solo", "--hostname=clock@%h"],
        "beat": [
            *python,
            "celery",
            "--quiet",
            "--app=callbacksite",
            "beat",
            "--loglevel=WARNING",
            "--max-interval=1",
            "--pidfile=",
        ],
        "telephony": [*MANAGE, "telephony"],
    }


class Processes:
    """The running processes, their output line by line, and their end."""

    def __init__(self) -> None:
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._width = 0
        self._threads: list[threading.Thread] = []

    def start(self, name: str, command: list[str]) -> None:
        self._width = max(self._width, len(name))
        # A session of its own, because the terminal sends Ctrl-C to everybody in the group, and a worker asked twice
        # to stop drops its task.
        process = subprocess.Popen(
            ends_with_parent(command),
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.running[name] = process
        thread = threading.Thread(target=self._print_lines, args=(name, process), daemon=True)
        thread.start()
        self._threads.append(thread)

    def ended(self) -> tuple[str, int] | None:
        """The first process that is no longer there, with its exit code."""
        for name, process in self.running.items():
            if (code := process.poll()) is not None:
                return name, code
        return None

    def stop(self) -> None:
        for process in self.running.values():
            if process.poll() is None:
                process.terminate()
        until = time.monotonic() + STOP_SECONDS
        for name, process in self.running.items():
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                say(f"{name} does not stop: it is killed.")
        for process in self.running.values():
            # The whole session, also where its first process ended well: a child of it may have stayed.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for thread in self._threads:
            thread.join(1)

    def _print_lines(self, name: str, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            say(f"{name:<{self._width}} | {line.decode(errors='replace').rstrip()}")


def say(text: str) -> None:
    # A terminal that was closed must not keep us from stopping the rest.
    with contextlib.suppress(OSError):
        print(text, flush=True)


def check_port(text: str) -> int:
    """The port to serve on, or an error that says what to do."""
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise CannotStart(f"PORT={text} is not a port: choose a number from 1 to 65535.")
    port = int(text)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            raise CannotStart(
                f"Port {port} cannot be used ({error.strerror}). Choose another one: make run PORT={port + 1}"
            ) from error
    return port


def prepare(folder: Path, *, demo: bool) -> None:
    """Bring the database to the present code. In this process: every further Python costs a second of the start."""
    import django
    from django.core.management import CommandError, call_command
    from django.db import connections

    os.environ["DATABASE_MAINTENANCE"] = "true"
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    if demo:
        try:
            call_command("demo", "load", folder=str(folder))
        except CommandError as error:
            raise CannotStart(f"{error} DEMO=0 leaves it out.") from error
    connections.close_all()
    del os.environ["DATABASE_MAINTENANCE"]


def wait_for_web(port: int, processes: Processes) -> None:
    until = time.monotonic() + WEB_SECONDS
    while True:
        connection = http.client.HTTPConnection(HOST, port, timeout=5)
        try:
            connection.request("GET", "/")
            connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            if ended := processes.ended():
                raise CannotStart("{} ended with code {}; its lines above say why.".format(*ended)) from error
            if time.monotonic() > until:
                raise CannotStart(f"The web did not answer within {WEB_SECONDS:.0f} s.") from error
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()


def serve(folder: Path, port: int, *, demo: bool) -> int:
    """Run until somebody asks to stop; returns the exit code if a process ends by itself."""
    processes = Processes()
    try:
        for name, command in commands(port).items():
            processes.start(name, command)
        wait_for_web(port, processes)
        if demo:
            # Its lines are for people, and one is to be copied: nothing in front of them.
            call = [*MANAGE, "demo", "call", f"--folder={folder}", f"--url=http://{HOST}:{port}"]
            subprocess.run(ends_with_parent(call), cwd=BASE_DIR, check=False, start_new_session=True)
        else:
            say("Without the demo there is no login yet: make manage COMMAND=createsuperuser")
        say(f"Ready on http://{HOST}:{port}/ - Ctrl-C stops it.")
        while (ended := processes.ended()) is None:
            time.sleep(0.2)
        name, code = ended
        say(f"{name} ended with code {code}: stopping the rest.")
        return code or 1
    finally:
        # Once is enough: a second Ctrl-C in here would leave the rest behind.
        for number in STOPS:
            signal.signal(number, signal.SIG_IGN)
        say("Stopping.")
        processes.stop()


@contextlib.contextmanager
def addresses_for_others(path: Path, urls: dict[str, str]) -> Iterator[None]:
    """Let `make manage` find the servers, as long as they run; only the owner may read the passwords."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={shlex.quote(url)}\n" for name, url in urls.items()))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Turn the first signal to stop into KeyboardInterrupt, wherever it comes, so that every `finally` is run."""
    for each in STOPS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callbacksite.settings")
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    os.environ.setdefault("PYTHONWARNINGS", QUIET)
    os.environ["PYTHONUNBUFFERED"] = "1"
    demo = os.environ.get("DEMO", "1") not in {"", "0", "false", "no"}
    try:
        port = check_port(os.environ.get("PORT") or "8000")
        os.environ["PORT"] = str(port)
        folder = Path(os.environ.get("LOCAL_DIR") or BASE_DIR / ".local").absolute()
        for number in STOPS:
            signal.signal(number, interrupt)
        with servers(folder) as urls:
            os.environ.update(urls)
            prepare(folder, demo=demo)
            with addresses_for_others(folder / "env", urls):
                return serve(folder, port, demo=demo)
    except KeyboardInterrupt:
        return 0
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
