"""The picture of one callback's time: its stages as a band, each call as a lane below, the promised time marked.

All widths are in percent of the picture and all heights in pixels, so that it fills any width and its texts keep their
size. What it shows stands in tables beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from callbacks.flow.decision import DialResult
from callbacks.models import Attempt
from callbacks.story.scale import Break, Scale
from callbacks.story.stretches import Stretch

# More calls than that are not drawn: the last ones are.
MOST_LANES = 12
BAND_TOP, LANES_TOP, LANE_HEIGHT, FOOT = 36, 108, 40, 8
# Two times beside each other need that much, in percent, on a phone.
TICK_DISTANCE = 17.0
# So near, in percent, to an edge a text is written away from it.
EDGE = 9.0
# The "now" of a picture that is looked at anew every few seconds moves in such steps of the time that it shows.
STEPS = 200

REACHED = frozenset({DialResult.PERSON, DialResult.CONNECTED, DialResult.USERORIGINATED_CONNECTED})


@dataclass(frozen=True)
class Band:
    stretch: Stretch
    x: float
    width: float


@dataclass(frozen=True)
class Bar:
    """A part of a call: "prepared" until it is sent, "rings" until it is answered, "up" to its end."""

    kind: str
    x: float
    width: float


@dataclass(frozen=True)
class Lane:
    attempt: Attempt
    y: int
    bars: tuple[Bar, ...]
    end: float | None
    reached: bool


@dataclass(frozen=True)
class Mark:
    """A moment that goes through all lanes: "desired" or "now"."""

    kind: str
    x: float
    anchor: str


@dataclass(frozen=True)
class Tick:
    at: datetime
    x: float
    anchor: str
    new_day: bool


@dataclass(frozen=True)
class Picture:
    bands: tuple[Band, ...]
    lanes: tuple[Lane, ...]
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    breaks: tuple[Break, ...]
    height: int
    lanes_left_out: int


def draw(
    stretches: Sequence[Stretch], attempts: Sequence[Attempt], *, desired_at: datetime, now: datetime | None
) -> Picture | None:
    """The picture of a callback, `now` where it goes on; None where there is nothing to draw yet."""
    if not stretches:
        return None
    if now is not None:
        now = _stepped(now, since=stretches[0].start)
    drawn = attempts[-MOST_LANES:]
    moments = [*_moments(stretches, drawn), desired_at, *([now] if now else [])]
    scale = Scale(moments)
    last = now or max(_moments(stretches, drawn))
    marks = [_mark("desired", scale.x(desired_at)), *([_mark("now", scale.x(now))] if now else [])]
    lanes = [_lane(attempt, n, scale, last) for n, attempt in enumerate(drawn)]
    return Picture(
        bands=tuple(_band(each, scale, last) for each in stretches),
        lanes=tuple(lanes),
        marks=tuple(marks),
        ticks=_ticks(scale, [min(moments), desired_at, max(moments), *_moments([], drawn), *moments]),
        breaks=tuple(scale.breaks),
        height=LANES_TOP + LANE_HEIGHT * len(lanes) + FOOT,
        lanes_left_out=len(attempts) - len(drawn),
    )


def _stepped(now: datetime, *, since: datetime) -> datetime:
    """A picture of hours does not change with every second: so whoever reads it is left in peace."""
    step = max((now - since).total_seconds() // STEPS, 1.0)
    return since + timedelta(seconds=step * ((now - since).total_seconds() // step))


def _moments(stretches: Iterable[Stretch], attempts: Iterable[Attempt]) -> list[datetime]:
    found = [moment for each in stretches for moment in (each.start, each.end)]
    for each in attempts:
        found += [each.dialled_at or each.began_at, each.answered_at, each.ended_at]
    return [moment for moment in found if moment is not None]


def _band(stretch: Stretch, scale: Scale, last: datetime) -> Band:
    x = scale.x(stretch.start)
    return Band(stretch, x, round(max(scale.x(stretch.end or last) - x, 0.0), 2))


def _lane(attempt: Attempt, number: int, scale: Scale, last: datetime) -> Lane:
    ended = attempt.ended_at or last
    cuts = [
        ("prepared", attempt.began_at, attempt.dialled_at or attempt.answered_at or ended),
        ("rings", attempt.dialled_at, attempt.answered_at or ended),
        ("up", attempt.answered_at, ended),
    ]
    bars = [
        Bar(kind, scale.x(start), round(max(scale.x(end) - scale.x(start), 0.4), 2))
        for kind, start, end in cuts
        if start is not None and start <= end
    ]
    end_at = scale.x(attempt.ended_at) if attempt.ended_at else None
    return Lane(attempt, LANES_TOP + LANE_HEIGHT * number, tuple(bars), end_at, attempt.result in REACHED)


def _mark(kind: str, x: float) -> Mark:
    return Mark(kind, x, _anchor(x))


def _anchor(x: float) -> str:
    return "start" if x < EDGE else "end" if x > 100 - EDGE else "middle"


def _ticks(scale: Scale, wanted: Iterable[datetime]) -> tuple[Tick, ...]:
    """As many times as have room beside each other, those that are wanted most first."""
    chosen: dict[datetime, float] = {}
    for at in wanted:
        x = scale.x(at)
        if all(abs(x - other) >= TICK_DISTANCE for other in chosen.values()):
            chosen[at] = x
    ticks: list[Tick] = []
    for at, x in sorted(chosen.items()):
        new_day = not ticks or timezone.localtime(ticks[-1].at).date() != timezone.localtime(at).date()
        ticks.append(Tick(at, x, _anchor(x), new_day))
    return tuple(ticks)
