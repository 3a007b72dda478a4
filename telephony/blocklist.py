"""Numbers that are not called: whether one of them is, asked before every ring."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from telephony import numbers
from telephony.models import BlockedNumber

# Asked at every start and every ring: written out, since Django takes longer to make it than the database to answer it.
_BLOCKING = """
SELECT * FROM telephony_blockednumber
WHERE number = ANY(%(beginnings)s) AND (is_prefix OR number = ANY(%(written)s)) AND (until IS NULL OR until > %(now)s)
ORDER BY until DESC NULLS FIRST LIMIT 1
"""


def blocking(number: str, *, country: str, now: datetime) -> BlockedNumber | None:
    """What keeps this number from being called now, for the longest time if several do; None if nothing does.

    `country` is the option `_default_country`, two letters or empty: with it a number is recognised however it is
    written. One statement.
    """
    written = numbers.forms(number, country)
    asked: dict[str, Any] = {"beginnings": BlockedNumber.beginnings(written), "written": list(written), "now": now}
    return next(iter(BlockedNumber.objects.raw(_BLOCKING, asked)), None)


def block(number: str, *, reason: str, by: str, now: datetime) -> BlockedNumber | None:
    """Have a number not called any more, in the caller's transaction; None where it is no number that can be kept."""
    written = numbers.normalised(number)
    if not written:
        return None
    held = BlockedNumber.objects.in_force(now).filter(number=written, is_prefix=False, until=None).first()
    return held or BlockedNumber.objects.create(number=written, reason=reason, created_by=by, created_at=now)
