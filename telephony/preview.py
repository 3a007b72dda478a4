"""Whom a target means now, and how a list of them goes on: shown in admin while somebody writes the option."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from services import previews
from services.previews import NoPreview
from telephony import audience, statistics, steps, targets
from telephony.models import Agent
from telephony.targets import Step, Target, TargetPlan

TEMPLATE = "admin/telephony/target_preview.html"
MOST_NAMED = 10
# Bars are drawn on a scale of so many units.
WIDTH = 1000
# How long a target without an end is drawn, as a share of what comes before it, and at least, in seconds.
ENDLESS_SHARE = 0.25
ENDLESS_SECONDS = 20

State = Agent.State
_ORDER = [State.READY, State.RESERVED, State.ON_CALL, State.WRAP_UP, State.NOT_READY, State.LOGGED_OUT]


@dataclass(frozen=True)
class Bar:
    """A time at which a target is looked for, on the scale of the drawing."""

    start: int
    length: int
    endless: bool


@dataclass(frozen=True)
class Matching:
    """The agents of a target now. `named` are (name, state) of the first, who could soonest take a call."""

    agents: int
    logged_in: int
    ready: int
    named: list[tuple[str, str]]

    @property
    def more(self) -> int:
        return self.agents - len(self.named)


@dataclass(frozen=True)
class Row:
    """One target of the plan. `when` says in words what the bars show."""

    target: str
    meaning: str
    matching: Matching
    when: str
    bars: list[Bar]
    skipped: bool


def register() -> None:
    previews.register_kind("target", preview_target)


def preview_target(text: str, queue: str, now: datetime) -> SafeString:
    """Whom the text of `_target` would find now, in that virtual queue. Raises NoPreview."""
    try:
        plan = targets.parse(text)
    except ValueError:
        raise NoPreview("the target cannot be read yet.") from None
    keys = {step.target.key for step in plan.steps}
    agents = {agent.pk: agent for agent in Agent.objects.filter(audience.agents_of(keys)).order_by("name")}
    profiles = audience.profiles(Agent.objects.filter(pk__in=agents))

    def matching(wanted: Collection[Target]) -> Matching:
        found = [pk for pk, profile in profiles.items() if any(target.matches(profile) for target in wanted)]
        return _matching([agent for pk, agent in agents.items() if pk in set(found)])

    values = _values(plan, queue, now)
    drawn = steps.spans(plan, lambda target, statistic: values[target.key, statistic])
    is_list = len(plan.steps) > 1
    rows = [
        _row(plan, number, drawn, matching([step.target]), values) if is_list else _only(step, matching([step.target]))
        for number, step in enumerate(plan.steps)
    ]
    return render_to_string(
        TEMPLATE,
        {
            "all": matching([step.target for step in plan.steps]),
            "rows": rows,
            "is_list": is_list,
            "width": WIDTH,
            "total": _clock(plan.total_seconds) if plan.total_seconds else "",
        },
    )


def _values(plan: TargetPlan, queue: str, now: datetime) -> dict[tuple[str, str], float]:
    """What the statistics are now that the conditions of the plan ask for."""
    asked = [(step.target, step.condition.statistic) for step in plan.steps if step.condition]
    return {
        (target.key, statistic): statistics.value(target, statistic, queue=queue, now=now)
        for target, statistic in asked
    }


def _matching(agents: list[Agent]) -> Matching:
    agents = sorted(agents, key=lambda agent: (_ORDER.index(State(agent.state)), agent.name))
    named = [
        (agent.name, State(agent.state).label.lower() + (f" ({agent.reason})" if agent.reason else ""))
        for agent in agents[:MOST_NAMED]
    ]
    logged_in = sum(agent.state != State.LOGGED_OUT for agent in agents)
    return Matching(len(agents), logged_in, sum(agent.state == State.READY for agent in agents), named)


def _only(step: Step, matching: Matching) -> Row:
    return Row(str(step.target), _meaning(step.target), matching, "", [], skipped=False)


def _row(
    plan: TargetPlan,
    number: int,
    spans: list[steps.Span],
    matching: Matching,
    values: dict[tuple[str, str], float],
) -> Row:
    step = plan.steps[number]
    times = _times(step.target.key, spans)
    said, skipped = _when(times), False
    if step.condition:
        value = values[step.target.key, step.condition.statistic]
        skipped = step.condition.holds(value) and number < len(plan.steps) - 1
        because = f"{step.condition}, it is {value:g} now."
        said = f"Skipped: {because} {said if times else ''}".strip() if skipped else f"{said} Skipped while {because}"
    return Row(str(step.target), _meaning(step.target), matching, said, _bars(times, spans), skipped)


def _times(key: str, spans: list[steps.Span]) -> list[tuple[int, int | None]]:
    """From when until when a target is looked for, what touches joined; None: without end."""
    found: list[tuple[int, int | None]] = []
    for span in spans:
        if key not in span.keys:
            continue
        if found and found[-1][1] == span.starts:
            found[-1] = (found[-1][0], span.ends)
        else:
            found.append((span.starts, span.ends))
    return found


def _when(times: list[tuple[int, int | None]]) -> str:
    if not times:
        return "Not looked for."
    said = [
        f"from {_clock(start)} on" if end is None else f"from {_clock(start)} to {_clock(end)}" for start, end in times
    ]
    return f"Looked for {' and '.join(said)}."


def _bars(times: list[tuple[int, int | None]], spans: list[steps.Span]) -> list[Bar]:
    last = spans[-1].starts
    whole = last + max(round(last * ENDLESS_SHARE), ENDLESS_SECONDS)
    bars = []
    for start, end in times:
        left = start * WIDTH // whole
        bars.append(Bar(left, (whole if end is None else end) * WIDTH // whole - left, end is None))
    return bars


def _meaning(target: Target) -> str:
    if target.expression is not None:
        return "agents with these skills"
    return targets.TYPES[target.type]


def _clock(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
