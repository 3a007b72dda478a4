"""Asterisk 20 and 22 over ARI: the contract's verbs (`connect`) and its events (`listen`). See docs/asterisk.md."""

from __future__ import annotations

import os

from telephony.asterisk.ari import Settings, SwitchRow
from telephony.asterisk.client import AsteriskSwitch
from telephony.asterisk.listener import AsteriskListener

__all__ = ["AsteriskListener", "AsteriskSwitch", "connect", "listen"]

# One pooled client a process and switch; the process is part of the key, since a fork must not share its sockets.
_clients: dict[tuple[int, Settings], AsteriskSwitch] = {}


def connect(row: SwitchRow) -> AsteriskSwitch:
    """The verbs of this switch. Cheap: the same client as long as the row's settings are the same."""
    key = (os.getpid(), Settings.of(row))
    if key not in _clients:
        _clients[key] = AsteriskSwitch(row)
    return _clients[key]


def listen(row: SwitchRow) -> AsteriskListener:
    """A new reader of this switch's events; only the holder of its lease may have one."""
    return AsteriskListener(row)
