"""The change log: one list of every change to what is configured, through admin or by file.

A change holds the thing's document before and after, under its name, so that any version can be brought back by the
way, and through the checks, of a configuration file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from services import documents
from services.documents import Document
from services.models import Change


@dataclass(frozen=True)
class Difference:
    """How one thing differs: null before, it was added; null after, it was deleted."""

    part: str
    name: str
    before: Document | None
    after: Document | None
    secrets: tuple[str, ...] = ()


def record(
    *,
    part: str,
    name: str,
    before: Document | None,
    after: Document | None,
    actor: str,
    now: datetime,
    reason: str = "",
    secrets: Collection[str] = (),
) -> Change | None:
    """Write one change; nothing, and None, when nothing is different.

    `secrets` are the names of secrets that were changed; they stand in no document.
    """
    difference = Difference(part, name, before, after, tuple(secrets))
    written = record_all([difference], actor=actor, reason=reason, now=now)
    return written[0] if written else None


def record_all(differences: Iterable[Difference], *, actor: str, now: datetime, reason: str = "") -> list[Change]:
    """Write the changes of several things at once."""
    return Change.objects.bulk_create(
        [
            Change(
                part=each.part,
                name=each.name,
                at=now,
                actor=actor,
                reason=reason,
                before=each.before,
                after=each.after,
                secrets=sorted(each.secrets),
            )
            for each in differences
            if each.before != each.after or each.secrets
        ],
        batch_size=500,
    )


def restore(change: Change, *, actor: str, now: datetime, reason: str = "") -> Collection[Difference]:
    """Bring the thing back to how it was after that change; what differed from it.

    A thing that was deleted comes back, without its secrets; after a deletion it is deleted. Raises
    services.documents.Refused when that state is not allowed now.
    """
    return _bring_back(change, change.after, actor=actor, reason=reason, now=now)


def undo(change: Change, *, actor: str, now: datetime, reason: str = "") -> Collection[Difference]:
    """Bring the thing back to how it was before that change, otherwise as restore(): what it added is deleted."""
    return _bring_back(change, change.before, actor=actor, reason=reason, now=now)


def _bring_back(
    change: Change, document: Document | None, *, actor: str, reason: str, now: datetime
) -> Collection[Difference]:
    from services.configuration import applying  # it writes its own changes

    if document is None:
        given, remove = {}, {change.part: [change.name]}
    else:
        part = documents.part(change.part)
        elements = [{"name": change.name, **document}] if part.is_list else {change.name: document}
        given, remove = {change.part: elements}, {}
    return applying.apply(given, remove=remove, actor=actor, reason=reason, now=now, keep_secrets=True).differences
