"""Results as tables (Markdown, CSV) and plots (SVG)."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from tests.simulation.judging import Judged

# Colours that are told apart by everybody, on light and on dark.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00")
WIDTH = 860

Rows = Sequence[Mapping[str, object]]


def markdown(rows: Rows) -> str:
    """A table; its columns are the keys of the first row."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([str(row[name]) for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def write_csv(path: Path, rows: Rows) -> None:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def bars(title: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Horizontal bars, one group a scenario, each as a share of its longest; the figure stands at its end."""
    height, parts, top = 14, [], 48
    for group, values in groups.items():
        longest = max(values.values()) or 1.0
        parts.append(_text(8, top + height * len(values) / 2 + 4, group, size=13))
        for number, (name, value) in enumerate(values.items()):
            y = top + number * height
            width = 430 * value / longest
            colour = COLOURS[number % len(COLOURS)]
            label = f"{value:.0f} s  {name}"
            parts.append(f'<rect x="150" y="{y}" width="{width:.1f}" height="{height - 3}" fill="{colour}"/>')
            parts.append(_text(156 + width, y + height - 4, label, size=11))
        top += height * len(values) + 14
    return _svg(title, top, parts)


def waits(title: str, judged: Mapping[str, Sequence[Judged]], names: Sequence[str]) -> str:
    """A day: what callers waited, as dots, and what they were told, as lines, by the moment at which they joined."""
    ours = judged[names[0]]
    most = max(max(one.waited for one in ours), *(one.expected.ewt for name in names for one in judged[name]))
    last = max(one.joined for one in ours)
    left, top, width, height = 60, 48, WIDTH - 80, 280

    def at(joined: float, seconds: float) -> tuple[float, float]:
        return left + width * joined / last, top + height * (1 - seconds / most)

    parts = []
    for level in range(0, int(most / 60) + 1, max(int(most / 60 / 5), 1)):
        _, y = at(0, level * 60)
        parts.append(f'<line x1="{left}" x2="{left + width}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ccc"/>')
        parts.append(_text(8, y + 4, f"{level} min", size=11))
    for hour in range(int(last / 3600) + 1):
        x, _ = at(hour * 3600, 0)
        parts.append(_text(x - 8, top + height + 18, f"{hour} h", size=11))
    for one in ours:
        x, y = at(one.joined, one.waited)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.6" fill="#777"/>')
    for number, name in enumerate(names):
        line = sorted(judged[name], key=lambda one: one.joined)
        points = " ".join(f"{x:.1f},{y:.1f}" for one in line for x, y in [at(one.joined, one.expected.ewt)])
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.4"/>')
        parts.append(
            f'<rect x="{left + 190 * number}" y="{top + height + 34}" width="12" height="12" fill="{colour}"/>'
        )
        parts.append(_text(left + 190 * number + 18, top + height + 44, name, size=12))
    parts.append(_text(left + 190 * len(names), top + height + 44, "dots: what they waited", size=12))
    return _svg(title, top + height + 60, parts)


def _text(x: float, y: float, text: str, *, size: int) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}">{escape(text)}</text>'


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'font-family="sans-serif" fill="#222"><title>{escape(title)}</title>'
        f'<rect width="100%" height="100%" fill="#fff"/>{_text(8, 24, title, size=16)}'
    )
    return head + "\n".join(parts) + "</svg>\n"
