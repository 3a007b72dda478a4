"""Tables of reports: what a page shows and a spreadsheet gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

Value = str | int | float | date | None


class Kind(StrEnum):
    """How the values of a column are told."""

    TEXT = "text"
    COUNT = "count"
    SHARE = "share"  # 0 to 1
    SECONDS = "seconds"
    SIGNED = "signed"  # seconds, with their sign
    CHANGE = "change"  # a difference of counts, with its sign


@dataclass(frozen=True)
class Column:
    label: str
    kind: Kind


@dataclass(frozen=True)
class Table:
    """`name` is what an address calls it; the first column names the row."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Value, ...]]


def share(n: int, of: int) -> float | None:
    return n / of if of else None
