"""How a queue entry gets from one target to the next: `telephony.steps`, with the rows of the database around it.

For the first seconds only the preferred agent is looked for, where one is named and logged in. Then the list of
targets begins, whose clock runs on whatever becomes of the entry meanwhile: a retry goes on where the list then is.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from telephony import lines, statistics, steps, targets, upwards
from telephony.events import CallEvent, TargetSwitched
from telephony.models import Agent, QueueEntry

BATCH = 100
# What of an entry is decided here.
FIELDS = ["plan_since", "step", "step_until", "keys", "line"]

_LOGGED_IN = Exists(Agent.objects.filter(~Q(state=Agent.State.LOGGED_OUT), name=OuterRef("preferred_agent")))


def carry_on(entry: QueueEntry, before: QueueEntry | None, preferred_seconds: int, now: datetime) -> CallEvent | None:
    """Say which targets are looked for, for an entry that is stated anew; None or what its owner is to be told.

    A plan begins when the entry first wants something, and anew when it is another plan.
    """
    told = None
    if before is not None and (before.target, before.preferred_agent) == (entry.target, entry.preferred_agent):
        entry.plan_since, entry.step, entry.step_until = before.plan_since, before.step, before.step_until
        entry.keys = before.keys
    else:
        # Until it begins it stands in the line of its first element.
        _take(entry, steps.begin(targets.parse(entry.target), None), None)
    if entry.wants and entry.plan_since is None and entry.step != QueueEntry.PREFERRED:
        told = _begin(entry, preferred_seconds, now)
    set_line(entry)
    return told


def set_line(entry: QueueEntry) -> None:
    entry.line = lines.digest_of(
        entry.queue, entry.keys, entry.priority, entry.priority_increment, entry.priority_interval
    )


def go_on(now: datetime) -> int:
    """Turn entries whose time for a target is over to the next one, and tell their owners; for the tick.

    Who waits for an agent who has logged out waits no longer. Returns how many were turned.
    """
    with transaction.atomic():
        # One that its owner is changing is looked at again in a second.
        free = QueueEntry.objects.select_for_update(skip_locked=True, no_key=True)
        due = list(free.filter(step_until__lte=now).order_by("step_until")[:BATCH])
        due += free.filter(~_LOGGED_IN, step=QueueEntry.PREFERRED).exclude(step_until__lte=now)[:BATCH]
        figures = _Figures(now)
        told = [(entry.owner, _turn(entry, figures)) for entry in due]
        QueueEntry.objects.bulk_update(due, FIELDS)
        upwards.owner().report([(owner, event) for owner, event in told if event], now)
    return len(due)


def adopt(now: datetime) -> int:
    """Give a line to the entries of processes of the release before, which know nothing of lines; for the tick."""
    with transaction.atomic():
        found = QueueEntry.objects.select_for_update(skip_locked=True, no_key=True).filter(line="")[:BATCH]
        entries = list(found)
        for entry in entries:
            entry.keys = [entry.target_key]
            set_line(entry)
        QueueEntry.objects.bulk_update(entries, FIELDS)
    return len(entries)


def _begin(entry: QueueEntry, preferred_seconds: int, now: datetime) -> CallEvent | None:
    if not entry.preferred_agent or not preferred_seconds:
        return _begin_plan(entry, now, _Figures(now), "")
    if (why := _is_gone(entry.preferred_agent)) is not None:
        return _begin_plan(entry, now, _Figures(now), why)
    entry.keys, entry.step = [f"A:{entry.preferred_agent}"], QueueEntry.PREFERRED
    entry.step_until = now + timedelta(seconds=preferred_seconds)
    return None


def _is_gone(agent: str) -> str | None:
    state = Agent.objects.filter(name=agent).values_list("state", flat=True).first()
    if state is None:
        return f"there is no agent {agent}, who was asked for"
    return f"{agent}, who was asked for, is not logged in" if state == Agent.State.LOGGED_OUT else None


def _turn(entry: QueueEntry, figures: _Figures) -> CallEvent | None:
    """What follows the present element, or the preferred agent; None when nothing does."""
    now = figures.now
    until = entry.step_until
    if until is None:
        return None
    if entry.step == QueueEntry.PREFERRED:
        gone = _is_gone(entry.preferred_agent) if until > now else None
        why = gone or f"{entry.preferred_agent}, who was asked for, did not become free in time"
        return _begin_plan(entry, min(until, now), figures, why)
    plan, since = targets.parse(entry.target), entry.plan_since or now
    at_present = steps.Progress(entry.step, tuple(entry.keys), round((until - since).total_seconds()))
    why = f"no agent was found in {plan.steps[entry.step].timeout} s"
    return _follow(entry, plan, at_present, since, figures, why)


def _begin_plan(entry: QueueEntry, since: datetime, figures: _Figures, why: str) -> CallEvent | None:
    plan = targets.parse(entry.target)
    return _follow(entry, plan, steps.begin(plan, figures.of(entry.queue)), since, figures, why)


def _follow(
    entry: QueueEntry,
    plan: targets.TargetPlan,
    progress: steps.Progress,
    since: datetime,
    figures: _Figures,
    why: str,
) -> CallEvent | None:
    second = (figures.now - since).total_seconds()
    progress = steps.catch_up(plan, progress, second, figures.of(entry.queue))
    _take(entry, progress, since)
    set_line(entry)
    looked_for, skipped = steps.told(plan, progress)
    said = "; ".join(part for part in (why, skipped) if part)
    return TargetSwitched(looked_for, said) if said else None


def _take(entry: QueueEntry, progress: steps.Progress, since: datetime | None) -> None:
    entry.step, entry.keys = progress.step, list(progress.keys)
    entry.step_until = None if since is None or progress.until is None else since + timedelta(seconds=progress.until)
    entry.plan_since = since


class _Figures:
    """What statistics are now, each asked for once: entries are held while many of them go on."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._known: dict[tuple[str, str, str], float] = {}

    def of(self, queue: str) -> steps.Statistic:
        def figure(target: targets.Target, name: str) -> float:
            asked = (queue, target.key, name)
            if asked not in self._known:
                self._known[asked] = statistics.value(target, name, queue=queue, now=self.now)
            return self._known[asked]

        return figure
