"""Resolving a service's options in a warm process, against the copy of a dictionary of as many values."""

from __future__ import annotations

import timeit

from services import resolution
from services.models import ConfiguredService, Section
from tests.bench.world import Centre

TIMES = 10_000


def measure() -> list[tuple[str, str]]:
    Centre()
    Section.objects.update_or_create(name="callback", defaults={"options": {"_throttle_ttl_1": "60"}})
    service = ConfiguredService.objects.get()
    overrides = {"_wait_for_agent": "true", "_call_direction": "USERTERMINATED"}
    values = dict(resolution.resolve(service, overrides=overrides))
    copied = _microseconds(lambda: dict(values))
    resolved = _microseconds(lambda: resolution.resolve(service, overrides=overrides))
    Section.objects.all().delete()
    return [
        (f"copy of a dictionary of {len(values)} values, µs", f"{copied:.2f}"),
        (f"{len(values)} options resolved, with overrides and a section, µs (aim < 50)", f"{resolved:.2f}"),
        ("resolved against copied", f"{resolved / copied:.1f}"),
    ]


def _microseconds(work: object) -> float:
    """The best of five, for once: whatever else the machine does only adds."""
    return min(timeit.repeat(work, number=TIMES, repeat=5)) / TIMES * 1e6  # type: ignore[arg-type]
