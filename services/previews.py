"""Previews: what the texts of a service's form amount to, shown before they are saved.

What they amount to is for a higher floor to work out, which registers a preview in its app's ready(): of a type of
service, or of one option of a kind that only that floor understands.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.safestring import SafeString

if TYPE_CHECKING:
    from services.models import ConfiguredService, Section


class NoPreview(Exception):
    """The texts amount to nothing that could be shown; a sentence for an admin that says why."""


# Makes HTML of a service that is not saved, as of a moment. Raises NoPreview.
Preview = Callable[["ConfiguredService", datetime], SafeString]

# Makes HTML of the text of one option, for a service whose callers wait in that virtual queue, as of a moment. Raises
# NoPreview.
OptionPreview = Callable[[str, str, datetime], SafeString]

_registry: dict[str, Preview] = {}
_of_kinds: dict[str, OptionPreview] = {}


def register(service_type: str, preview: Preview) -> None:
    if _registry.setdefault(service_type, preview) is not preview:
        raise ValueError(f"a preview of services of type {service_type!r} is registered already")


def preview(service_type: str) -> Preview | None:
    """What previews services of this type; None when nothing does."""
    return _registry.get(service_type)


def register_kind(kind: str, preview: OptionPreview) -> None:
    if _of_kinds.setdefault(kind, preview) is not preview:
        raise ValueError(f"a preview of options of kind {kind!r} is registered already")


def of_kind(kind: str) -> OptionPreview | None:
    """What previews options of this kind; None when nothing does."""
    return _of_kinds.get(kind)


# Says of a global section, in sentences, what only a higher floor can: whether the files that it names are there.
SectionRemarks = Callable[["Section"], list[str]]

_of_sections: list[SectionRemarks] = []


def register_section(remarks: SectionRemarks) -> None:
    """Have a higher floor asked about sections. Called from ready()."""
    if remarks not in _of_sections:
        _of_sections.append(remarks)


def of_section(section: Section) -> list[str]:
    """What is to be said on the page of this section."""
    return [sentence for remarks in _of_sections for sentence in remarks(section)]
