"""Times as they are written on the wire."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from scheduling.availability import Offer


def written_time(moment: datetime) -> str:
    """UTC, always with milliseconds and Z (wire contract, section 1)."""
    return f"{written_local_time(moment.astimezone(UTC))}Z"


def written_local_time(moment: datetime) -> str:
    """As its own zone's clocks show it, always with milliseconds."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}"


def free_places(offers: Iterable[Offer]) -> dict[str, int]:
    """Times and how many callbacks each can still take, in time order (seed 2, *Get timeslots*)."""
    return {written_time(offer.time): offer.free for offer in offers}
