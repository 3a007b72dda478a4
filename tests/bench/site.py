"""An installation to measure: servers of its own in a temporary folder, and the product's processes on them."""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from callbacksite.embedded import servers

# What the server counts for us: every statement, by its text.
COUNTING = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.max": "5000"}


@contextlib.contextmanager
def installation() -> Iterator[None]:
    """Servers and a migrated database, for this process and all that it starts."""
    with tempfile.TemporaryDirectory(prefix="callbacksite-bench-") as folder, servers(Path(folder), COUNTING) as urls:
        os.environ.update(urls, DJANGO_SETTINGS_MODULE="tests.bench.settings", LOG_LEVEL="WARNING")
        import django
        from django.core.management import call_command
        from django.db import connection
        from django.urls import get_resolver

        django.setup()
        call_command("migrate", interactive=False, verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION pg_stat_statements")
        # As the product's processes do once they are loaded.
        get_resolver().url_patterns  # noqa: B018 (loads them)
        gc.collect()
        gc.freeze()
        yield
        connection.close()


@contextlib.contextmanager
def running(*commands: list[str]) -> Iterator[None]:
    """Processes that end with the block."""
    started = [subprocess.Popen([sys.executable, "-m", *command], start_new_session=True) for command in commands]
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def web(*, workers: int = 2) -> Iterator[str]:
    """The web server as `make run` starts it; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    gunicorn = ["gunicorn", "callbacksite.wsgi", f"--bind={address}", "--worker-class=gthread", f"--workers={workers}"]
    with running([*gunicorn, "--threads=4", "--log-level=error"]):
        until = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(f"http://{address}/api/schema/", timeout=30).close()
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        yield f"http://{address}"


def wait_until_listened_to() -> None:
    from telephony import lease

    until = time.monotonic() + 30
    while not lease.live_switches().exists():
        if time.monotonic() > until:
            raise RuntimeError("nobody listens to the switch")
        time.sleep(0.1)


def wait_until_beating() -> None:
    """Until Beat and the workers that `backstage` started show that they are at work."""
    from django.utils import timezone

    from scheduling import heartbeats
    from scheduling.models import Heartbeat

    begun = timezone.now()
    needed = {heartbeats.BEAT, heartbeats.of_queue("flow"), heartbeats.of_queue("clock")}
    until = time.monotonic() + 90
    while needed - set(Heartbeat.objects.filter(at__gt=begun).values_list("name", flat=True)):
        if time.monotonic() > until:
            raise RuntimeError(f"not all of {needed} are at work")
        time.sleep(0.1)


WORKER = ["celery", "--quiet", "-A", "callbacksite", "worker", "-l", "ERROR", "--without-gossip", "--without-mingle"]


CLOCK = [*WORKER, "-Q", "clock,sweeps", "-P", "solo", "-n", "clock@%h"]
BEAT = ["celery", "--quiet", "-A", "callbacksite", "beat", "-l", "ERROR", "--max-interval=1", "--pidfile="]


def backstage(*, workers: int = 2) -> contextlib.AbstractContextManager[None]:
    """Workers, Beat and the telephony process."""
    flow = [*WORKER, "-Q", "flow,outside", "-c", str(workers), "-n", "flow@%h"]
    return running(flow, CLOCK, BEAT, ["django", "telephony"])
