"""Kinds of value that say where something is: web addresses, ports, countries, time zones."""

from __future__ import annotations

import functools
import re
import zoneinfo
from importlib import resources
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from services.kinds.base import BadValue, Kind

_LONGEST_URL = 2000
_PORTS = re.compile(r"([0-9]{1,5})(?:\s*-\s*([0-9]{1,5}))?")


def _is_url(given: str) -> bool:
    if len(given) > _LONGEST_URL or not given.isascii() or not given.isprintable() or " " in given:
        return False
    try:
        address = urlsplit(given)
        return address.scheme in {"http", "https"} and bool(address.hostname) and address.port != 0
    except ValueError:  # an impossible port or IPv6 address
        return False


def _parse_url(given: str) -> str:
    if not _is_url(given):
        raise BadValue(given, URL.allowed)
    return given


URL = Kind(
    name="url",
    parse=_parse_url,
    allowed="a web address such as https://host:8443/path",
    empty="",
)


def _parse_urls(given: str) -> tuple[str, ...]:
    urls = tuple(dict.fromkeys(url for part in given.split(",") if (url := part.strip())))
    if not urls or not all(map(_is_url, urls)):
        raise BadValue(given, URLS.allowed)
    return urls


URLS = Kind(
    name="urls",
    parse=_parse_urls,
    allowed="web addresses such as https://host:8443/path, with commas between",
    empty=(),
    widget="lines",
)


def _parse_ports(given: str) -> tuple[tuple[int, int], ...]:
    ranges = []
    for part in given.split(","):
        match = _PORTS.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 0 < first <= last <= 65_535:
            raise BadValue(given, PORTS.allowed)
        ranges.append((first, last))
    return tuple(ranges)


PORTS = Kind(
    name="ports",
    parse=_parse_ports,
    allowed="ports from 1 to 65535 or ranges of them, with commas between, such as 81,8100-8102",
    empty=(),
)


@functools.cache
def _countries() -> dict[str, str]:
    """Names of the world's countries by ISO 3166-1 alpha-2 code, from the table that comes with the time zones."""
    table = resources.files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text(encoding="utf-8")
    return dict(line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))


def _parse_country(given: str) -> str:
    # Upper case makes two letters of one like ß.
    if len(given) != 2 or (code := given.upper()) not in _countries():
        raise BadValue(given, COUNTRY.allowed)
    return code


COUNTRY = Kind(
    name="country",
    parse=_parse_country,
    allowed="the two letters of a country in ISO 3166, such as US",
    choices=lambda: [(code, f"{code} {name}") for code, name in sorted(_countries().items())],
    empty="",
    widget="select",
)


@functools.cache
def _zones() -> tuple[str, ...]:
    """UTC and the zones of places. Abbreviations such as EST are left out: they know no summer time."""
    return ("UTC", *sorted(name for name in zoneinfo.available_timezones() if "/" in name))


def _parse_time_zone(given: str) -> ZoneInfo:
    if given not in _zones():
        raise BadValue(given, TIME_ZONE.allowed)
    return ZoneInfo(given)


TIME_ZONE = Kind(
    name="time_zone",
    parse=_parse_time_zone,
    allowed="a time zone such as Europe/Berlin or UTC; abbreviations such as EST are not",
    choices=lambda: [(name, name) for name in _zones()],
    widget="select",
)
