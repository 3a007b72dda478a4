"""Whether the whole system works, for services of the type get. Only the project knows all that belongs to it."""

from __future__ import annotations

from collections.abc import Callable

_checks: list[Callable[[], bool]] = []


def register(is_ready: Callable[[], bool]) -> None:
    """Have the system asked by this function, which is true while everything works. Called from ready()."""
    _checks[:] = [is_ready]


def is_ready() -> bool:
    return all(check() for check in _checks)
