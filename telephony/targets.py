"""Routing targets: `NAME@STATSERVER.TYPE` (seed 1, option `_target`). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.kinds import BadValue

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
    """Read a target; raises BadValue."""
    allowed = (
        "NAME@STATSERVER.A for an agent or NAME@STATSERVER.GA for a group of agents, for example Billing@StatServer.GA"
    )
    match = _FORM.match(text.strip())
    if match is None or match["type"] not in TYPES:
        raise BadValue(text, allowed)
    return Target(match["name"].strip(), match["type"])
