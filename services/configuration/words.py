"""What a configure prints: one line a difference, and how many things were added, changed and removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services import documents
from services.changes import Difference
from services.documents import Document, as_shown
from services.kinds import shown

_LONGEST = 60


def lines(differences: Sequence[Difference]) -> Iterator[str]:
    """`+ service voice`, `~ service voice: _ttl 86400 → 604800`, `- service voice`, and the sum."""
    for each in differences:
        thing = f"{documents.part(each.part).noun} {each.name}"
        if each.before is None:
            yield f"+ {thing}"
        elif each.after is None:
            yield f"- {thing}"
        else:
            before, after = _flat(each.before), _flat(each.after)
            for key in sorted({*before, *after}):
                if before.get(key) != after.get(key):
                    yield f"~ {thing}: {key} {_value(before.get(key))} → {_value(after.get(key))}"
            for secret in each.secrets:
                yield f"~ {thing}: {secret} (secret)"
    yield _sum(differences)


def _sum(differences: Sequence[Difference]) -> str:
    if not differences:
        return "Nothing to change."
    added = sum(each.before is None for each in differences)
    removed = sum(each.after is None for each in differences)
    return f"{added} added, {len(differences) - added - removed} changed, {removed} removed"


def _flat(document: Document, prefix: str = "") -> dict[str, object]:
    """The document's values by name; what is in an inner mapping as NAME.KEY, a service's options by their names."""
    flat: dict[str, object] = {}
    for key, value in document.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, "" if key == "options" and not prefix else f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = None if value == {} else value
    return flat


def _value(value: object) -> str:
    if value is None:
        return "(not set)"
    if isinstance(value, list):
        return ", ".join(value) or "(nobody)"
    text = as_shown(value)
    return text if text and text.isprintable() and len(text) <= _LONGEST else shown(text)
