"""Callbacks as CSV, for spreadsheets: what a column says, written so that no text becomes a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from callbacks import lookups
from callbacks.api.written import written_time
from callbacks.models import Callback

# The vendor's name of the report of those that were cancelled.
REPORT = "CancelledCallbacks.csv"
# Without it Excel reads UTF-8 as something else.
BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
# With these a spreadsheet takes a text for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def lines(rows: Iterable[Sequence[str]]) -> str:
    """Rows as lines of CSV."""
    written = io.StringIO()
    csv.writer(written).writerows([plain(text) for text in row] for row in rows)
    return written.getvalue()


def plain(text: str) -> str:
    """A text that a spreadsheet would take for a formula, with the mark that makes it a text again."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def said(callback: Callback, key: str) -> str:
    """What a callback says under a key of the API, its number in full; empty where it says nothing."""
    match key:
        case "_service_id" | "_id":
            return callback.pk
        case "_desired_time":
            return written_time(callback.desired_at)
        case "_expiration_time":
            return written_time(callback.expires_at)
        case _ if key in lookups.COLUMNS:
            return str(getattr(callback, lookups.COLUMNS[key]))
    return lookups.stored(callback, key) or ""
