"""What a configuration file says, made so: all of it or nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from services import changes, documents, transactions
from services.changes import Difference
from services.documents import Part, Plan, Refused

# Of advisory locks the one of whoever applies a file: two at once would take each other's work for what was there.
LOCK = 7_303_014


@dataclass(frozen=True)
class Outcome:
    """What was changed, in the order in which it is written, and what an admin should know."""

    differences: tuple[Difference, ...]
    warnings: tuple[str, ...]


def apply(
    given: Mapping[str, object],
    *,
    actor: str,
    now: datetime,
    reason: str = "",
    remove: Mapping[str, Collection[str]] = MappingProxyType({}),
    prune: bool = False,
    dry_run: bool = False,
    keep_secrets: bool = False,
) -> Outcome:
    """Make the configuration what a file says, in one transaction.

    `given` is the file's mapping from part to elements; `remove` are names by part that are to go, with `prune` all go
    that a part in the file does not name. `keep_secrets`: the secrets of what is given stay, though it does not name
    them.

    1. Read what is there and what is given: names, shapes, references among telephony's parts.
    2. Write what differs; then remove what is to go, unless something uses it.
    3. Check values, rules and references of what was written, against everything as it is now.
    4. Compare with what was there and write the change log.

    A dry run does the same and takes it back. Raises Refused with all errors at once; nothing is changed then.
    """
    with transactions.patient():
        _wait_for_others()
        plan = Plan({part.name: part.load() for part in documents.parts()}, keep_secrets=keep_secrets)
        _read(given, plan, remove=remove, prune=prune)
        secrets = _secrets(plan)
        _write(plan)
        for part in documents.parts():
            part.check(plan)
        if plan.errors:
            raise Refused(dict.fromkeys(plan.errors))
        differences = _differences(plan, secrets)
        changes.record_all(differences, actor=actor, reason=reason, now=now)
        if dry_run:
            transaction.set_rollback(True)
    return Outcome(tuple(differences), tuple(dict.fromkeys(plan.warnings)))


def _wait_for_others() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        raise Refused(["The configuration is being written by somebody else at this moment; try again."]) from None


def _read(given: Mapping[str, object], plan: Plan, *, remove: Mapping[str, Collection[str]], prune: bool) -> None:
    known = [part.name for part in documents.parts()]
    for key in given:
        if key not in known:
            plan.refuse("The file", key, f"one of {', '.join(sorted(known))}")
    for part in documents.parts():
        going = set(remove.get(part.name, ()))
        elements = _elements(part, given.get(part.name), plan)
        if prune and part.name in given:
            going |= plan.before[part.name].keys() - elements.keys()
        plan.removed[part.name] = going & plan.before[part.name].keys()
        for name, element in elements.items():
            wanted = part.read(name, element, plan)
            if wanted is not None:
                plan.wanted[part.name][name] = wanted


def _elements(part: Part, elements: object, plan: Plan) -> dict[str, object]:
    if elements is None:
        return {}
    if not part.is_list:
        if isinstance(elements, Mapping):
            return dict(elements)
        plan.refuse(part.name, elements, f"a mapping from name to {part.noun}")
        return {}
    if not isinstance(elements, list):
        plan.refuse(part.name, elements, f"a list, each element a {part.noun}")
        return {}
    found: dict[str, object] = {}
    for index, element in enumerate(elements):
        place = f"{part.name}[{index}]"
        name = part.name_of(element, place, plan)
        if name is None:
            continue
        if name in found:
            plan.errors.append(f"{place}: {name} was given twice, allowed is once.")
        found[name] = element
    return found


def _secrets(plan: Plan) -> dict[tuple[str, str], list[str]]:
    """The names of the secrets that are about to change; afterwards nobody could tell."""
    return {
        (part, name): changed
        for part, wanted in plan.wanted.items()
        for name in wanted
        if (changed := plan.changed_secrets(part, name))
    }


def _write(plan: Plan) -> None:
    for part in documents.parts():
        if plan.changed(part.name):
            part.write(plan)
    for part in reversed(documents.parts()):
        if not (names := plan.removed[part.name]):
            continue
        in_the_way = [
            f"{part.name}.{name}: cannot be removed, it is used: {use}." for name, use in part.obstacles(plan)
        ]
        plan.errors += in_the_way
        if in_the_way:
            continue
        try:
            part.remove(names)
        except Refused as refused:
            plan.errors += refused.errors


def _differences(plan: Plan, secrets: Mapping[tuple[str, str], list[str]]) -> list[Difference]:
    """Everything that is otherwise than before, also what followed from something else."""
    found = []
    for part in documents.parts():
        before, after = plan.before[part.name], part.load()
        for name in sorted({*before, *after}):
            changed = tuple(secrets.get((part.name, name), ()))
            if before.get(name) != after.get(name) or changed:
                found.append(Difference(part.name, name, before.get(name), after.get(name), changed))
    return found
