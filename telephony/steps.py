"""How a list of targets goes on by itself: which are looked for, from when on. Pure.

The clock of a plan is in seconds since it began. An element is looked for until its timeout is over; then the next
follows, in its place where it says `clear`, beside it where not. An element whose condition is true at the moment at
which it would follow is skipped, except the last, which is looked for without end. The matcher's rows, the drawing of
a plan and the simulation all go by this. Where no statistics are given, no condition is true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from telephony import targets

# The value that a statistic of a target has now.
Statistic = Callable[["targets.Target", str], float]


@dataclass(frozen=True)
class Skipped:
    """An element that was passed over, and the value of its statistic that made it so."""

    step: targets.Step
    value: float


@dataclass(frozen=True)
class Progress:
    """How far a plan has come.

    `step` is the number of the element turned to last, `keys` what is looked for, in the order in which it was added;
    `until` is the second of the plan at which the next element follows, None: never. `skipped` are those that were
    passed over on the way to this element.
    """

    step: int
    keys: tuple[str, ...]
    until: int | None
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class Span:
    """What is looked for from one second of a plan until another (None: without end)."""

    step: int
    starts: int
    ends: int | None
    keys: tuple[str, ...]


def begin(plan: targets.TargetPlan, statistic: Statistic | None) -> Progress:
    """What is looked for from second 0 on."""
    return _turn_to(plan, 0, (), 0, statistic)


def follow(plan: targets.TargetPlan, progress: Progress, statistic: Statistic | None) -> Progress:
    """What is looked for when the time of the present element, which has an end, is over."""
    if progress.until is None:
        raise ValueError("the last element of a plan has no end")
    kept = () if plan.steps[progress.step].clear else progress.keys
    return _turn_to(plan, progress.step + 1, kept, progress.until, statistic)


def catch_up(plan: targets.TargetPlan, progress: Progress, second: float, statistic: Statistic | None) -> Progress:
    """What is looked for at that second of the plan, however many elements were due since `progress`."""
    while progress.until is not None and progress.until <= second:
        after = follow(plan, progress, statistic)
        progress = Progress(after.step, after.keys, after.until, progress.skipped + after.skipped)
    return progress


def spans(plan: targets.TargetPlan, statistic: Statistic | None = None) -> list[Span]:
    """The whole plan over time. An element without a second of its own is left out."""
    found: list[Span] = []
    progress, starts = begin(plan, statistic), 0
    while True:
        if progress.until is None or progress.until > starts:
            found.append(Span(progress.step, starts, progress.until, progress.keys))
        if progress.until is None:
            return found
        starts, progress = progress.until, follow(plan, progress, statistic)


def told(plan: targets.TargetPlan, progress: Progress) -> tuple[str, str]:
    """For a supervisor: what is looked for now, and which elements were skipped and why, empty if none was."""
    written = {step.target.key: str(step.target) for step in plan.steps}
    skipped = [f"{one.step.target} was skipped: {one.step.condition}, it is {one.value:g}" for one in progress.skipped]
    return ", ".join(written.get(key, key) for key in progress.keys), "; ".join(skipped)


def _turn_to(
    plan: targets.TargetPlan, step: int, kept: tuple[str, ...], second: int, statistic: Statistic | None
) -> Progress:
    """Turn to an element, or to the first behind it that is not skipped, beside those that are kept."""
    skipped: list[Skipped] = []
    for number in range(step, len(plan.steps)):
        element = plan.steps[number]
        is_last = number == len(plan.steps) - 1
        if statistic and element.condition and not is_last:
            value = statistic(element.target, element.condition.statistic)
            if element.condition.holds(value):
                skipped.append(Skipped(element, value))
                continue
        keys = kept if element.target.key in kept else (*kept, element.target.key)
        ends = None if is_last or element.timeout is None else second + element.timeout
        return Progress(number, keys, ends, tuple(skipped))
    raise ValueError("a plan has no element behind its last")
