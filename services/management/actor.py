"""Who the change log says it was, when a command changes what is configured."""

from __future__ import annotations

import getpass


def actor(command: str) -> str:
    """The command, and who ran it as far as the operating system knows."""
    try:
        return f"{command} ({getpass.getuser()})"
    except (OSError, KeyError):  # a container with a user id that has no name
        return command
