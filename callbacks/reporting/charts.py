"""Charts as geometry: where bars stand and what is written at them. Pure; templates draw them as SVG.

Nothing is told by colour alone: what is now is filled, what was before is hatched, and each bar has its figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from django.utils.formats import date_format

from callbacks.reporting.tables import Table, Value

# Units of the drawing; it is scaled to the width of the page.
WIDTH, HEIGHT = 960, 240
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 22, 40
# More figures than that above the columns would run into each other; so would more labels below.
MOST_FIGURES, MOST_LABELS = 31, 16
STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Column:
    """One column: `inner` is the part of it that is told apart. All in units of the drawing."""

    x: int
    width: int
    y: int
    height: int
    inner_y: int
    inner_height: int
    middle: int
    figure: str
    label: str
    label_at: int
    before_y: int | None


@dataclass(frozen=True)
class Line:
    """A line across, with what it stands for."""

    y: int
    figure: str


@dataclass(frozen=True)
class Columns:
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    base: int = HEIGHT - BOTTOM


def columns(table: Table, *, whole: int, inner: int, before: int) -> Columns:
    """A chart of a table's rows, by the places of its columns: `inner` of the `whole`, beside what was `before`."""
    rows = table.rows
    values = [(_number(row[whole]), _number(row[inner]), row[before]) for row in rows]
    scale = _scale(max([1, *(value for value, _, _ in values), *(_number(then) for _, _, then in values)]))
    step = (WIDTH - LEFT - RIGHT) / max(len(rows), 1)
    gap = step * 0.25
    every = -(-len(rows) // MOST_LABELS)
    drawn = []
    for place, (row, (value, part, then)) in enumerate(zip(rows, values, strict=True)):
        x = LEFT + place * step + gap / 2
        drawn.append(
            Column(
                x=round(x),
                width=max(round(step - gap), 1),
                y=_y(value, scale),
                height=_height(value, scale),
                inner_y=_y(part, scale),
                inner_height=_height(part, scale),
                middle=round(x + (step - gap) / 2),
                figure=str(round(value)) if len(rows) <= MOST_FIGURES else "",
                label=_label(row[0]) if place % every == 0 else "",
                label_at=round(x + (step - gap) / 2),
                before_y=None if then is None else _y(_number(then), scale),
            )
        )
    lines = tuple(Line(_y(scale * part / 4, scale), str(round(scale * part / 4))) for part in range(5))
    return Columns(tuple(drawn), lines)


def bars(table: Table, now: int, before: int) -> list[tuple[int, int | None]]:
    """For each row how long its bar is and that of the period before, in percent of the longest of all."""
    longest = max([1.0, *(_number(row[place]) for row in table.rows for place in (now, before))])
    return [(round(100 * _number(row[now]) / longest), _percent(row[before], longest)) for row in table.rows]


def levels(table: Table) -> list[list[int]]:
    """Of each figure of a table how dark its cell is: 0 for nothing, 1 to 5 up to the largest one."""
    largest = max((_number(value) for row in table.rows for value in row[1:]), default=0.0)
    return [[_level(_number(value), largest) for value in row[1:]] for row in table.rows]


def _level(value: float, largest: float) -> int:
    return 1 + min(int(5 * value / largest), 4) if value and largest else 0


def _percent(value: Value, longest: float) -> int | None:
    return None if value is None else round(100 * _number(value) / longest)


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _scale(largest: float) -> float:
    """A round figure that is not below the largest, in quarters of which lines are drawn."""
    size = 4
    while True:
        for step in STEPS:
            if step * size >= largest:
                return float(step * size)
        size *= 10


def _y(value: float, scale: float) -> int:
    return HEIGHT - BOTTOM - _height(value, scale)


def _height(value: float, scale: float) -> int:
    return round((HEIGHT - BOTTOM - TOP) * value / scale)


def _label(value: Value) -> str:
    """A day as people write it short; anything else as it is, cut where it would run into its neighbour."""
    if isinstance(value, date):
        return date_format(value, "j M")
    text = str(value)
    return text if len(text) <= 12 else f"{text[:11]}…"


def histogram(rows: Sequence[tuple[str, int]]) -> Columns:
    """A chart of how many there are in each interval; its label stands where the interval begins."""
    table = Table("", "", (), [(label, n, 0, None) for label, n in rows])
    chart = columns(table, whole=1, inner=2, before=3)
    step = (WIDTH - LEFT - RIGHT) / max(len(rows), 1)
    moved = (replace(each, label_at=LEFT + round(place * step)) for place, each in enumerate(chart.columns))
    return replace(chart, columns=tuple(moved))
