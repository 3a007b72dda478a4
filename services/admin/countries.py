"""The countries whose public holidays are known, for the editor of office hours to choose from by name."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from services.kinds import COUNTRY


@dataclass(frozen=True)
class Country:
    """`parts` are the codes of those of its parts that have holidays of their own."""

    code: str
    name: str
    parts: tuple[str, ...]


@functools.cache
def with_holidays() -> tuple[Country, ...]:
    """All of them, by name."""
    import holidays  # a tenth of a second, and only this page asks

    names = {code: label.removeprefix(f"{code} ") for code, label in (COUNTRY.choices() if COUNTRY.choices else ())}
    supported = holidays.list_supported_countries(include_aliases=False)
    found = [Country(code, names.get(code, code), tuple(sorted(parts))) for code, parts in supported.items()]
    return tuple(sorted(found, key=lambda country: country.name))
