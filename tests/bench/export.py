"""A list given out as a file: callbacks a second, and what the process that writes it grows by."""

from __future__ import annotations

import resource
import sys
import time
import uuid
from collections.abc import Iterator

from django.contrib.auth.models import User
from django.http import QueryDict
from django.utils import timezone

from callbacks.jobs import asking, exporting
from callbacks.models import Callback
from callbacks.pages.view import View
from tests.bench.queries import fill, prepared
from tests.bench.world import Centre

SIZES = (10_000, 100_000, 1_000_000)


def measure() -> Iterator[tuple[str, str]]:
    _, one = prepared(Centre())
    user = User.objects.create_superuser("export")
    first, baseline = 1, 0.0
    for stored in SIZES:
        fill(one, first, stored)
        first = stored + 1
        count, size, took, wait = fetch(user)
        # What a fetch needs at all it needs for the smallest list, too.
        baseline = baseline or _largest()
        yield f"{count:,} callbacks, a second", f"{count / took:,.0f}"
        yield (
            f"{count:,} callbacks, MB of CSV in s, the first line after ms",
            f"{size / 1e6:.0f}, {took:.1f}, {wait:.0f}",
        )
        yield f"{count:,} callbacks, the process grew beyond the first by MB (aim < 5)", f"{_largest() - baseline:.1f}"


def fetch(user: User) -> tuple[int, int, float, float]:
    """Callbacks, bytes, seconds in all, and milliseconds to the first line."""
    view = View.read(QueryDict("range=last-30-days"), user=user, now=timezone.now())
    job = asking.export(form=uuid.uuid4(), view=view, user=user, now=timezone.now())
    begun = exporting.begin(job.pk, user, now=timezone.now())
    if begun is None:
        raise RuntimeError("somebody else fetches it")
    size, wait, began = 0, 0.0, time.perf_counter()
    for text in exporting.stream(begun, user):
        wait = wait or (time.perf_counter() - began) * 1000
        size += len(text.encode())
    took = time.perf_counter() - began
    begun.refresh_from_db()
    if begun.state != "done" or abs(begun.done - Callback.objects.count()) > begun.done * 0.02:
        raise RuntimeError(f"{begun.state}: {begun.done} of {Callback.objects.count()}")
    return begun.done, size, took, wait


def _largest() -> float:
    """The most memory that this process ever had, in MB."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (size if sys.platform == "darwin" else size * 1024) / 1e6
