"""Which pauses stand: whom each reaches, who set it, since when and why, for the people who look at it.

Whether somebody may be called now is asked elsewhere, of the flags alone (`services.pausing`).
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from services import pausing
from services.models import ConfiguredService
from services.pausing import ALL, DEFAULT_LIST, SECTION

# For how many seconds a process shows what it read: the flags with what the change log says of them, and, while those
# stay as they are, whom they reach.
KEPT = 1.0
REACH_KEPT = 10.0


@dataclass(frozen=True, slots=True)
class Pause:
    """One flag that says true, and the callback services that it reaches, by primary key and name.

    `key` is a service's name, a `_paused_services_id`, or `all`. Nobody and no time where the change log does not know.
    """

    list_name: str
    key: str
    services: tuple[tuple[int, str], ...]
    is_everything: bool
    actor: str
    since: datetime | None
    reason: str

    @property
    def names(self) -> list[str]:
        return [name for _, name in self.services]


@dataclass(frozen=True, slots=True)
class _Flag:
    list_name: str
    key: str
    actor: str
    since: datetime | None
    reason: str


@dataclass(slots=True)
class _Shown:
    """What this process shows; moments by its own monotonic clock."""

    read_at: float = float("-inf")
    reach_read_at: float = float("-inf")
    flags: tuple[_Flag, ...] = ()
    pauses: tuple[Pause, ...] = ()


_shown = _Shown()


def shown() -> tuple[Pause, ...]:
    """The pauses that stand, at most a second old; at most one statement, and rarely a second one."""
    now = time.monotonic()
    if now - _shown.read_at < KEPT:
        return _shown.pauses
    flags = _read_flags()
    if flags != _shown.flags or now - _shown.reach_read_at >= REACH_KEPT:
        _shown.pauses, _shown.reach_read_at = _reached(flags), now
    _shown.flags, _shown.read_at = flags, now
    return _shown.pauses


def standing() -> tuple[Pause, ...]:
    """The pauses that stand now, what pauses all first, then by name; two statements, one where there is none."""
    return _reached(_read_flags())


def of(service: ConfiguredService, pauses: Collection[Pause]) -> list[Pause]:
    """Those of the pauses that reach the service."""
    return [pause for pause in pauses if (service.pk, service.name) in pause.services]


def forget() -> None:
    """Read anew when next asked: whoever has just paused something looks for it on the next page."""
    _shown.read_at = _shown.reach_read_at = float("-inf")


def _read_flags() -> tuple[_Flag, ...]:
    with connection.cursor() as cursor:
        # The change that set a flag is the last one after which it said true and before which it did not.
        cursor.execute(
            """
            SELECT list.name, flag.key, coalesce(change.actor, ''), change.at, coalesce(change.reason, '')
            FROM services_namedlist AS list
            CROSS JOIN LATERAL jsonb_each_text(list.sections->%(section)s) AS flag
            LEFT JOIN LATERAL (
                SELECT actor, at, reason FROM services_change
                WHERE part = 'lists' AND name = list.name
                AND lower(btrim(after->%(section)s->>flag.key)) = 'true'
                AND coalesce(lower(btrim(before->%(section)s->>flag.key)), '') <> 'true'
                ORDER BY id DESC LIMIT 1
            ) AS change ON true
            WHERE jsonb_typeof(list.sections->%(section)s) = 'object' AND lower(btrim(flag.value)) = 'true'
            ORDER BY list.name, flag.key
            """,
            {"section": SECTION},
        )
        return tuple(_Flag(*row) for row in cursor.fetchall())


def _reached(flags: tuple[_Flag, ...]) -> tuple[Pause, ...]:
    if not flags:
        return ()
    found: dict[tuple[str, str], list[tuple[int, str]]] = {(flag.list_name, flag.key): [] for flag in flags}
    everybody = 0
    for service in ConfiguredService.objects.of_type("callback"):
        everybody += 1
        list_name, keys = pausing.place(service)
        for key in keys:
            if (list_name, key) in found:
                found[list_name, key].append((service.pk, service.name))
    by_all = sum(len(services) for (_, key), services in found.items() if key == ALL)
    # Services of lists of their own are reached by `all` of these; nobody has to know of lists where it reaches all.
    everything = by_all == everybody
    pauses = [
        Pause(
            flag.list_name,
            flag.key,
            tuple(found[flag.list_name, flag.key]),
            everything and flag.key == ALL,
            flag.actor,
            flag.since,
            flag.reason,
        )
        for flag in flags
        if found[flag.list_name, flag.key] or (flag.key == ALL and flag.list_name == DEFAULT_LIST)
    ]
    return tuple(sorted(pauses, key=lambda pause: (pause.key != ALL, pause.list_name != DEFAULT_LIST, pause.key)))
