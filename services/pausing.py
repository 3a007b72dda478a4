"""Which services are paused: flags in named lists, set by an admin, by a configuration file or by `manage.py pause`.

A service looks into the list that its option `_paused_services_list` names, there into the section `services`. It is
paused while any of three keys says true: its name, its `_paused_services_id`, or `all`.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from services import changes, documents, resolution
from services.models import ConfiguredService, NamedList
from services.resolution import OptionError

logger = logging.getLogger(__name__)

DEFAULT_LIST = "GMS_Paused_Services"
SECTION = "services"
ALL = "all"

# Texts by list, section and key.
Lists = Mapping[str, Mapping[str, Mapping[str, str]]]


def is_paused(service: ConfiguredService, lists: Lists) -> bool:
    """True if one of its keys says true in its list, in any case. What says neither true nor false pauses nobody."""
    name, keys = place(service)
    flags = lists.get(name, {}).get(SECTION, {})
    return any(_says_true(name, key, flags[key]) for key in keys if key in flags)


def paused_services() -> set[int]:
    """The primary keys of the callback services that are paused now: one statement while none is, else two."""
    listed = NamedList.objects.filter(sections__has_key=SECTION).values_list("name", f"sections__{SECTION}")
    lists = {name: {SECTION: flags} for name, flags in listed}
    keys = {key for name in lists for key, text in lists[name][SECTION].items() if _says_true(name, key, text)}
    if not keys:
        return set()
    services = ConfiguredService.objects.of_type("callback")
    if ALL not in keys:
        # What options amount to is worked out only for those that a key can mean; a centre may have thousands.
        services = services.filter(Q(name__in=keys) | Q(options__has_key="_paused_services_id"))
    return {service.pk for service in services if is_paused(service, lists)}


def is_paused_now(service: ConfiguredService) -> bool:
    """True if the service is paused at this moment; one statement."""
    name, _ = place(service)
    return is_paused(service, dict(NamedList.objects.filter(name=name).values_list("name", "sections")))


def pause(name: str, *, actor: str, now: datetime, reason: str = "") -> None:
    """Pause a callback service, or all. Raises ConfiguredService.DoesNotExist; nothing is changed then."""
    lists, _ = _reached(name)
    with transaction.atomic():
        for each in lists:
            _set_flags(each, {name: "true"}, actor=actor, reason=reason, now=now)


def resume(name: str, *, actor: str, now: datetime, reason: str = "") -> set[str]:
    """Take back what pauses a callback service, or what pauses all; the names of those of them that stay paused.

    One stays paused while its list says so of `all`; with `all`, those that are paused by themselves. Raises
    ConfiguredService.DoesNotExist; nothing is changed then.
    """
    lists, keys = _reached(name)
    with transaction.atomic():
        for each in lists:
            _set_flags(each, dict.fromkeys(keys, "false"), actor=actor, reason=reason, now=now)
        services = ConfiguredService.objects.filter(pk__in=paused_services())
        return {service.name for service in services if name in {ALL, service.name}}


def _reached(name: str) -> tuple[list[str], Collection[str]]:
    """The lists, and the keys in them, by which this service, or all, are paused."""
    if name == ALL:
        services = ConfiguredService.objects.of_type("callback")
        return sorted({DEFAULT_LIST, *(place(service)[0] for service in services)}), [ALL]
    list_name, keys = place(ConfiguredService.objects.of_type("callback").get(name=name))
    return [list_name], keys - {ALL}


def _set_flags(name: str, texts: Mapping[str, str], *, actor: str, reason: str, now: datetime) -> None:
    """Write flags into a list and the change log; `false` only over what is there."""
    part = documents.part_of(NamedList)
    row = NamedList.objects.select_for_update().filter(name=name).first()
    before = part.document(row) if row else None
    flags = row.sections.get(SECTION, {}) if row else {}
    wanted = {**flags, **{key: text for key, text in texts.items() if text == "true" or key in flags}}
    if wanted == flags:
        return
    row = row or NamedList(name=name)
    row.sections = {**row.sections, SECTION: wanted}
    row.save()
    changes.record(
        part=part.name, name=name, before=before, after=part.document(row), actor=actor, reason=reason, now=now
    )


def place(service: ConfiguredService) -> tuple[str, frozenset[str]]:
    """The name of its list, and its keys there."""
    try:
        name = str(resolution.resolve_one(service, "_paused_services_list"))
        other = str(resolution.resolve_one(service, "_paused_services_id"))
    except (OptionError, LookupError):
        # Whatever is wrong with the service, pausing it, or all, has to reach it.
        name, other = DEFAULT_LIST, ""
    return name, frozenset({service.name, other, ALL} - {""})


def _says_true(list_name: str, key: str, text: object) -> bool:
    flag = str(text).strip().lower()
    if flag not in {"true", "false", ""}:
        _warn(list_name, key)
    return flag == "true"


@functools.lru_cache(maxsize=256)
def _warn(list_name: str, key: str) -> None:
    """Once a process: lists are read every few seconds."""
    logger.warning("list %s, section %s, key %s: neither true nor false, so nobody is paused", list_name, SECTION, key)
