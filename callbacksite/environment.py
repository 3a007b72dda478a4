"""Settings that come from the environment: each is read, checked and described in one call. An empty variable counts
as unset, as it stands in many an environment file.

    NODE_ID = env.whole("NODE_ID", default=369, lowest=0, highest=9999, help="…")

Every call also writes the variable down in `VARIABLES`. From that list comes docs/environment.md:

    python -m callbacksite.environment > docs/environment.md
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured

TRUE = ("true", "yes", "on", "1")
FALSE = ("false", "no", "off", "0")
DATABASES = ("postgres", "postgresql")
BROKERS = ("redis", "rediss")
# With the port that each has unless the address says another.
MAIL = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}

T = TypeVar("T")


class BadValue(ImproperlyConfigured):
    """A variable whose value cannot be used; the text names it, what was given, and what is allowed."""


@dataclass(frozen=True)
class Variable:
    """One environment variable, as docs/environment.md shows it."""

    name: str
    # What its value may be, in words.
    allowed: str
    default: str
    help: str
    # Passwords and keys are never repeated in an error.
    secret: bool = False


VARIABLES: dict[str, Variable] = {}


def _read(variable: Variable, parse: Callable[[str], T], default: T) -> T:
    """The variable's value, or the default where it is unset or empty; `BadValue` when it cannot be parsed."""
    VARIABLES[variable.name] = variable
    given = os.environ.get(variable.name, "").strip()
    if not given:
        return default
    try:
        return parse(given)
    except ValueError:
        shown = _hidden(given) if variable.secret else f'"{given}"'
        # Not chained: the cause repeats what was given, and that may be a password.
        raise BadValue(f"{variable.name}: {shown} cannot be used. Allowed: {variable.allowed}.") from None


def _hidden(given: str) -> str:
    """What may be told of a secret or an address: no more than its scheme."""
    scheme, found, _ = given.partition("://")
    return f'"{scheme}://…"' if found else f"its value of {len(given)} characters"


def text(name: str, *, default: str, help: str) -> str:
    return _read(Variable(name, "any text", default, help), str, default)


def secret(name: str, *, default: str, shown: str, help: str) -> str:
    """A text that is never shown; `shown` stands for the default on the page."""
    return _read(Variable(name, "any text", shown, help, secret=True), str, default)


def signing_secrets(name: str, *, shown: str, help: str) -> list[str]:
    """Secrets of Standard Webhooks, newest first, each with its prefix; none where it is unset."""

    def parse(given: str) -> list[str]:
        found = [part.strip().removeprefix("whsec_") for part in given.split(",") if part.strip()]
        if not all(24 <= len(base64.b64decode(secret, validate=True)) <= 64 for secret in found):
            raise ValueError("length")
        return [f"whsec_{secret}" for secret in found]

    allowed = "`whsec_` and 24 to 64 random bytes in base64; several, newest first, with commas between"
    return _read(Variable(name, allowed, shown, help, secret=True), parse, [])


def boolean(name: str, *, default: bool, help: str) -> bool:
    def parse(given: str) -> bool:
        if given.lower() not in TRUE + FALSE:
            raise ValueError(given)
        return given.lower() in TRUE

    return _read(Variable(name, "true or false", "true" if default else "false", help), parse, default)


def whole(name: str, *, default: int, lowest: int, highest: int, help: str) -> int:
    """A whole number."""

    def parse(given: str) -> int:
        return int(_within(int(given), lowest, highest))

    return _read(Variable(name, f"a whole number from {lowest} to {highest}", str(default), help), parse, default)


def decimal(name: str, *, default: float, lowest: float, highest: float, help: str) -> float:
    """A number that may have a fraction."""

    def parse(given: str) -> float:
        return _within(float(given), lowest, highest)

    return _read(Variable(name, f"a number from {lowest:g} to {highest:g}", f"{default:g}", help), parse, default)


def several(name: str, *, default: Sequence[str], help: str) -> list[str]:
    def parse(given: str) -> list[str]:
        return [part.strip() for part in given.split(",") if part.strip()]

    return _read(Variable(name, "values separated by commas", ",".join(default), help), parse, list(default))


def networks(name: str, *, help: str) -> list[IPv4Network | IPv6Network]:
    """Networks of IP addresses; none where it is unset."""

    def parse(given: str) -> list[IPv4Network | IPv6Network]:
        return [ip_network(part.strip()) for part in given.split(",") if part.strip()]

    return _read(Variable(name, "networks such as 10.1.0.0/16,fd00::/8", "", help), parse, [])


def choice(name: str, *, default: str, choices: Collection[str], help: str) -> str:
    """One of `choices`, in capital or small letters."""
    known = {each.lower(): each for each in choices}

    def parse(given: str) -> str:
        if given.lower() not in known:
            raise ValueError(given)
        return known[given.lower()]

    return _read(Variable(name, f"one of {', '.join(choices)}", default, help), parse, default)


def zone(name: str, *, default: str, help: str) -> str:
    def parse(given: str) -> str:
        try:
            return ZoneInfo(given).key
        except (ZoneInfoNotFoundError, OSError) as error:
            raise ValueError(given) from error

    return _read(Variable(name, "a time zone such as Europe/Berlin", default, help), parse, default)


def folder(name: str, *, default: Path, shown: str, help: str) -> Path:
    """`shown`: the default as the page names it, since the real one depends on where the code lies."""
    return _read(Variable(name, "a folder", shown, help), Path, default)


def database(name: str, *, default: str, help: str) -> dict[str, Any]:
    """The address of a PostgreSQL, in Django's form."""

    def parse(given: str) -> dict[str, Any]:
        parts: dict[str, Any] = environ.Env.db_url_config(_address(given, DATABASES))
        return parts

    allowed = "`postgres://USER:PASSWORD@HOST:PORT/DATABASE`, special characters in the password as %XX"
    return _read(Variable(name, allowed, default, help, secret=True), parse, parse(default))


def broker(name: str, *, default: str, help: str) -> str:
    """The address of a Redis."""

    def parse(given: str) -> str:
        return _address(given, BROKERS)

    allowed = "`redis://:PASSWORD@HOST:PORT/NUMBER`, with TLS `rediss://…`"
    return _read(Variable(name, allowed, default, help, secret=True), parse, default)


def mail(name: str, *, shown: str, help: str) -> dict[str, Any]:
    """Where e-mail is handed over, in Django's form; empty where it is unset."""

    def parse(given: str) -> dict[str, Any]:
        parts: dict[str, Any] = environ.Env.email_url_config(_address(given, MAIL))
        if not parts["EMAIL_HOST"]:
            raise ValueError(given)
        return {**parts, "EMAIL_PORT": parts["EMAIL_PORT"] or MAIL[urlsplit(given).scheme]}

    allowed = "`smtp+tls://USER:PASSWORD@HOST:PORT`, `smtp+ssl://…`, `smtp://…`; special characters as %XX"
    return _read(Variable(name, allowed, shown, help, secret=True), parse, {})


def _within(value: float, lowest: float, highest: float) -> float:
    if not lowest <= value <= highest:
        raise ValueError(value)
    return value


def _address(given: str, schemes: Collection[str]) -> str:
    """The address as given, when its scheme is one of these and its port a number; else ValueError."""
    parts = urlsplit(given)
    # Asking for the port is what checks it.
    if parts.scheme not in schemes or parts.port == 0:
        raise ValueError("scheme")
    return given


def page() -> str:
    """docs/environment.md."""
    import callbacksite.settings  # noqa: F401 (reading the settings fills the list)

    lines = [
        "# Environment variables",
        "",
        "Every setting of an installation, as `callbacksite/settings.py` declares it; written from the code by",
        "`make environment`.",
        "",
        "Values are read when a process starts. A value that cannot be used stops the process with an error that names",
        "the variable, what was given and what is allowed; an empty one counts as unset. `manage.py check --deploy`",
        "finds values that do not fit together ([operators.md](operators.md)).",
        "",
        "| variable | allowed | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for each in VARIABLES.values():
        default = f"`{each.default}`" if each.default else "none"
        if each.default and " " in each.default:
            default = each.default
        lines.append(f"| `{each.name}` | {each.allowed} | {default} | {each.help} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    # The module that the settings fill is the imported one, not this __main__.
    from callbacksite import environment

    sys.stdout.write(environment.page())
