"""`make run` as a newcomer meets it: a fresh clone in a fresh folder, the sample call, Ctrl-C, nothing left.

`python -m tests.smoke` clones the last commit; it prints what `make run` printed, and how long each part took.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from callbacksite.embedded import free_port

ROOT = Path(__file__).resolve().parent.parent
# Patience, not promises: how long each part took is printed.
FIRST_SECONDS = 300.0
LATER_SECONDS = 60.0
STOP_SECONDS = 15.0
ENDED_WELL = re.compile(r"COMPLETED\b.*AGENT_CONNECTED")
READY = re.compile(r"^Ready on http://")


class Run:
    """One `make run` in a folder, and the lines that it prints."""

    def __init__(self, folder: Path, port: int, **environment: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
        self.folder = folder
        self.lines: list[str] = []
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            ["make", "run"],
            cwd=folder,
            env={**inherited, **environment, "PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def wait_for(self, pattern: re.Pattern[str], seconds: float) -> float:
        """How long after the start a line that matches was printed; fails after `seconds` or when make ends."""
        while True:
            elapsed = time.monotonic() - self.started
            # Asked before the lines are searched: what it printed last counts too.
            over = self.process.poll() is not None or elapsed > seconds
            if any(pattern.search(line) for line in list(self.lines)):
                return elapsed
            if over:
                sys.exit(f"FAILED: no line like {pattern.pattern!r} after {elapsed:.0f} s")
            time.sleep(0.1)

    def interrupt(self) -> None:
        """Ctrl-C, as a terminal sends it: to make and everything in its group."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        os.killpg(self.process.pid, signal.SIGINT)
        code = self.process.wait(STOP_SECONDS)
        # make says 130 (or dies of the signal) when it saw the Ctrl-C itself, although what it ran ended well.
        if code not in {0, 2, 130, -signal.SIGINT}:
            sys.exit(f"FAILED: make run ended with code {code} on Ctrl-C")
        # Also who lost its parent on the way: everything of ours is started from the folder's own .venv.
        family += [process for process in psutil.process_iter() if str(self.folder) in " ".join(command_line(process))]
        left = [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
        if left:
            sys.exit(f"FAILED: left behind after Ctrl-C: {left}")
        if any("Traceback" in line for line in self.lines):
            sys.exit("FAILED: a traceback was printed")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            sys.stdout.write(f"  {line}")
            sys.stdout.flush()


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="callbacksite-smoke-") as name:
        folder = Path(name) / "clone"
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(folder)], check=True)

        first = Run(folder, free_port())
        called = first.wait_for(ENDED_WELL, FIRST_SECONDS)
        ready = first.wait_for(READY, FIRST_SECONDS)
        first.interrupt()
        sys.stdout.write(f"First run: sample call ended after {called:.1f} s, ready after {ready:.1f} s\n")

        later = Run(folder, free_port(), DEMO="0")
        ready = later.wait_for(READY, LATER_SECONDS)
        later.interrupt()
        sys.stdout.write(f"Later run: ready after {ready:.1f} s\n")


if __name__ == "__main__":
    main()
