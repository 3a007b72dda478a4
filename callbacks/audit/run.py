"""The audit: everything that is alive, what was completed since, and what was wrong before; what is found is kept.

Every callback is judged in one consistent view of the database, so that a service at work raises no false alarm. One
audit runs at a time.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from structlog.contextvars import bound_contextvars

from callbacks.audit import checks, stored
from callbacks.audit.checks import Fault
from callbacks.audit.stored import Listing, Stored
from callbacks.flow.states import MOVES
from callbacks.models import AuditFinding
from telephony import lease, switches
from telephony.switch import Rejected, Unavailable

logger = logging.getLogger(__name__)

# The advisory lock of the running audit. Any constant; this one says "audt".
LOCK = 0x61756474
# A process that freezes during an audit must not stop all that follow: the server ends its session, and with it the
# lock.
MOST_IDLE = "30s"
# Read and judged in one view: a transaction of a fraction of a second.
BATCH = 500
# An audit looks back over several of its own intervals: one may be missed.
LOOK_BACK = timedelta(minutes=5)
# What an event on its way from the switch explains is over by then.
SECOND_LOOK_SECONDS = 0.5
KEEP_GONE = timedelta(days=30)

ALLOWED_MOVES = [f"{before} {after}" for before, afters in MOVES.items() for after in sorted(afters)]


class Busy(Exception):
    """Another audit is running; nothing was looked at."""


@dataclass(frozen=True)
class Finding:
    """What is wrong with one callback, of one kind: what is kept as one open `AuditFinding`."""

    kind: AuditFinding.Kind
    owner: str
    faults: tuple[Fault, ...]

    @property
    def detail(self) -> str:
        return " ".join(dict.fromkeys(fault.text for fault in self.faults))

    @property
    def advice(self) -> str:
        return " ".join(dict.fromkeys(fault.advice for fault in self.faults if fault.advice))

    def __str__(self) -> str:
        return f"{self.kind.label}: {self.owner}: {self.detail}"


def audit(*, now: datetime, thorough: bool = False, repaired: Collection[str] = ()) -> list[Finding]:
    """Look at everything, keep what is found, and return it.

    `thorough`: at all callbacks that are stored, instead of leaving out the scheduled ones that look right and those
    completed more than a moment ago. `repaired` are owners that were mended just now. Raises Busy.
    """
    with _alone():
        listing = list_switches()
        owners = stored.owners(thorough=thorough, now=now) | listing.owners() | _completed_suspects(now, thorough)
        found = examine(owners, listing, now)
        seen_wrong = {finding.owner for finding in found if _on_the_switch(finding)}
        if seen_wrong:
            # Between the two lists an event may have been on its way; only what stays is a fault.
            time.sleep(SECOND_LOOK_SECONDS)
            found = [finding for finding in found if finding.owner not in seen_wrong]
            found += examine(seen_wrong, list_switches(), now)
        found.sort(key=lambda finding: (finding.kind, finding.owner))
        _keep(found, now, set(repaired))
    return found


def examine(owners: Iterable[str], listing: Listing, now: datetime) -> list[Finding]:
    """What is wrong with these owners, each judged in one view."""
    found: list[Finding] = []
    ids = iter(sorted(owners))
    while batch := list(itertools.islice(ids, BATCH)):
        with transaction.atomic(durable=True):
            stored.in_one_view()
            rows = stored.read(batch)
        for owner, row in rows.items():
            by_kind: dict[AuditFinding.Kind, list[Fault]] = defaultdict(list)
            for fault in _judge(row, listing, now):
                by_kind[fault.kind].append(fault)
            found += [Finding(kind, owner, tuple(faults)) for kind, faults in by_kind.items()]
    return found


def _judge(row: Stored, listing: Listing, now: datetime) -> list[Fault]:
    """One row that nobody can read must not hide what is wrong with all the others."""
    try:
        return list(checks.examine(row, listing, now))
    except Exception as error:
        logger.warning("audit: callback %s cannot be judged", row.owner, exc_info=True)
        text = f"What is stored of it cannot be read ({type(error).__name__})."
        advice = "The log names the row: correct it in the database."
        return [Fault(AuditFinding.Kind.INCONSISTENT, text, advice=advice)]


def list_switches() -> Listing:
    """Ask the switches that somebody listens to now; the others are an alarm of their own and cost a time-out."""
    seen = {}
    taken_at = datetime.now(UTC)
    for row in lease.live_switches():
        try:
            seen[row.pk] = switches.connect(row).list_legs()
        except (Rejected, Unavailable) as error:
            logger.warning("switch %s is left out of the audit: %s", row.name, error)
    return Listing(taken_at, seen)


def _on_the_switch(finding: Finding) -> bool:
    return any(fault.on_the_switch for fault in finding.faults)


def _completed_suspects(now: datetime, thorough: bool) -> set[str]:
    if not thorough:
        return stored.suspects_since(now - LOOK_BACK, ALLOWED_MOVES)
    suspects: set[str] = set()
    found, behind = stored.suspects_behind("", ALLOWED_MOVES)
    while behind:
        suspects |= found
        found, behind = stored.suspects_behind(behind, ALLOWED_MOVES)
    return suspects


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            raise Busy
        try:
            cursor.execute("SELECT set_config('idle_session_timeout', %s, false)", [MOST_IDLE])
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s), set_config('idle_session_timeout', '0', false)", [LOCK])


def _keep(found: list[Finding], now: datetime, repaired: set[str]) -> None:
    """Open what is new, with an alarm; go on with what is still there; close what is gone."""
    with transaction.atomic():
        before = {(row.owner, row.kind): row for row in AuditFinding.objects.open()}
        new: list[AuditFinding] = []
        for finding in found:
            row = before.pop((finding.owner, finding.kind), None)
            if row is None:
                with bound_contextvars(callback=finding.owner):
                    logger.error("audit: %s", finding)
                new.append(
                    AuditFinding(
                        kind=finding.kind,
                        owner=finding.owner,
                        detail=finding.detail,
                        first_seen=now,
                        last_seen=now,
                    )
                )
            else:
                AuditFinding.objects.filter(pk=row.pk).update(detail=finding.detail, last_seen=now)
        AuditFinding.objects.bulk_create(new)
        for row in before.values():
            logger.info("audit: gone: %s", row)
        gone = AuditFinding.objects.filter(pk__in=[row.pk for row in before.values()])
        gone.filter(owner__in=repaired).update(gone_at=now, repaired_at=now)
        gone.filter(gone_at=None).update(gone_at=now)
        AuditFinding.objects.filter(gone_at__lt=now - KEEP_GONE).delete()
