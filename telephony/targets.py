"""Routing targets: `NAME@STATSERVER.TYPE` (seed 1, option `_target`). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

TYPES = {"A": "agent", "GA": "group of agents"}
_FORM = re.compile(r"\A(?P<name>[^@]+)@(?P<server>[^@.]*)\.(?P<type>[A-Z]+)\Z")


@dataclass(frozen=True)
class Target:
    """Who may take a call. `key` is how agents and queue entries find each other; the StatServer says nothing."""

    name: str
    type: str

    @property
    def key(self) -> str:
        return f"{self.type}:{self.name}"


def parse(text: str) -> Target:
    """Read a target; raises ValueError saying what was given and what is allowed."""
    allowed = (
        "NAME@STATSERVER.A for an agent or NAME@STATSERVER.GA for a group of agents, for example Billing@StatServer.GA"
    )
    match = _FORM.match(text.strip())
    if match is None:
        raise ValueError(f"'{text}' was given, allowed is {allowed}")
    if match["type"] not in TYPES:
        raise ValueError(f"'{text}' was given with type {match['type']}, allowed is {allowed}")
    return Target(match["name"].strip(), match["type"])
