"""What an admin should know about how a callback service goes with its office."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from django.utils import timezone

from scheduling import offices, windows
from scheduling.offices import Unreadable
from services import kinds, resolution
from services.catalogue import OptionWarning
from services.kinds import CallingWindow


def calling_windows() -> Callable[[Mapping[str, str]], Iterator[OptionWarning]]:
    """For services.readiness: each pair of a calling window and an office is looked at once for a page."""
    now = timezone.now()

    @functools.cache
    def never_meet(window: str, office: str) -> str:
        return _never_meet(window, office, now)

    def remarks(texts: Mapping[str, str]) -> Iterator[OptionWarning]:
        window, office = (texts.get(name, "").strip() for name in ("_calling_window", "_business_hours_service"))
        if window and office and not resolution.has_token(window + office) and (text := never_meet(window, office)):
            yield OptionWarning("_calling_window", text)

    return remarks


def _never_meet(text: str, office: str, now: datetime) -> str:
    """That customers next door can never be called; empty if they can, or if something else is wrong."""
    try:
        window = kinds.CALLING_WINDOW.read(text)
        hours = offices.office_hours(office)
    except (ValueError, Unreadable):  # said of the option itself
        return ""
    if not isinstance(window, CallingWindow) or hours.next_open(now) is None:
        return ""
    if windows.next_allowed(now, hours, window, (hours.zone,)) is not None:
        return ""
    return (
        f"_calling_window is {text}, when {office} is never open: customers in {hours.zone}, and those whose time "
        "zone is not known, can never be called."
    )
