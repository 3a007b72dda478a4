"""A small network of hosts on one machine: each is a network namespace with a cable to one switchboard.

Nothing in it leads anywhere else: no route, no forwarding. A host that is cut off is not told: its cable is pulled at
the other end, so that what it sends goes nowhere and what it waits for never comes.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

CLONE_NEWNET = 0x40000000
NET = "10.77.0"
# The switchboard itself, from which the test watches.
WATCH = f"{NET}.1"
NOWHERE = "02:00:00:00:00:01"

_libc = ctypes.CDLL(None, use_errno=True)


def ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def _enter(path: str) -> None:
    """Move this thread, and what it starts from now on, into a network namespace."""
    namespace = os.open(path, os.O_RDONLY)
    try:
        if _libc.setns(namespace, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {path}")
    finally:
        os.close(namespace)


class Network:
    """A context manager; inside it, the thread that opened it stands at the switchboard and reaches every host."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self.tag = f"cb{secrets.token_hex(2)}"
        self.addresses = {host: f"{NET}.{number}" for number, host in enumerate(hosts, 10)}
        self._home = -1

    def __enter__(self) -> Self:
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            self._build()
            _enter(self._path("board"))
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    @contextmanager
    def inside(self, host: str) -> Iterator[str]:
        """Be on a host: sockets opened and processes started meanwhile are there. Yields its address."""
        _enter(self._path(host))
        try:
            yield self.addresses[host]
        finally:
            _enter(self._path("board"))

    def cut(self, host: str) -> None:
        """Pull the host's cable."""
        ip("-n", self._name("board"), "link", "set", host, "down")

    def mend(self, host: str) -> None:
        ip("-n", self._name("board"), "link", "set", host, "up")

    def part(self, one: str, other: str) -> None:
        """Lose everything that these two hosts send to each other; they still reach all others."""
        for here, there in ((one, other), (other, one)):
            self._neighbour("replace", here, there, "lladdr", NOWHERE, "nud", "permanent")

    def unite(self, one: str, other: str) -> None:
        for here, there in ((one, other), (other, one)):
            self._neighbour("del", here, there)

    def _neighbour(self, verb: str, here: str, there: str, *more: str) -> None:
        ip("-n", self._name(here), "neigh", verb, self.addresses[there], "dev", "eth0", *more)

    def _build(self) -> None:
        board = self._name("board")
        ip("netns", "add", board)
        ip("-n", board, "link", "set", "lo", "up")
        ip("-n", board, "link", "add", "board", "type", "bridge")
        ip("-n", board, "addr", "add", f"{WATCH}/24", "dev", "board")
        ip("-n", board, "link", "set", "board", "up")
        for host, address in self.addresses.items():
            name = self._name(host)
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", board, "link", "add", host, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", board, "link", "set", host, "master", "board", "up")

    def _remove(self) -> None:
        """Leave, and take everything down; what still runs in a namespace keeps it alive, without a name and cable."""
        if self._home >= 0:
            _enter(f"/proc/self/fd/{self._home}")
            os.close(self._home)
            self._home = -1
        for host in ("board", *self.addresses):
            with suppress(RuntimeError):
                ip("netns", "del", self._name(host))

    def _name(self, host: str) -> str:
        return f"{self.tag}-{host}"

    def _path(self, host: str) -> str:
        return f"/run/netns/{self._name(host)}"
