"""Figures of reports as people read them. Rows of tables are made here: there may be thousands of cells on a page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django import template
from django.utils.formats import date_format, number_format
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from callbacks.reporting.tables import Kind, Table, Value
from callbacks.templatetags.estimates import NONE, duration

register = template.Library()

MINUS = "\N{MINUS SIGN}"
# Now above, before below it: told apart by their places, the pattern and the figures beside them.
_BARS = (
    '<td class="bar-cell"><svg class="bars" viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true">'
    '<rect class="bar-now" width="{}" height="8"/>{}</svg></td>'
)
_BEFORE = '<rect class="bar-before" y="9" width="{}" height="5"/>'


@register.simple_tag
def figure_rows(table: Table, bars: Iterable[tuple[int, int | None]] | None = None) -> SafeString:
    """The rows of a table, each with its bars where there are any (`callbacks.reporting.charts.bars`)."""
    drawn = None if bars is None else [_bars(*bar) for bar in bars]
    lines = []
    for place, row in enumerate(table.rows):
        cells = [
            f'<td class="number-cell">{conditional_escape(told(value, column.kind))}</td>'
            for value, column in zip(row[1:], table.columns[1:], strict=True)
        ]
        head = format_html('<th scope="row">{}</th>', told(row[0], table.columns[0].kind))
        lines.append(f"<tr>{head}{drawn[place] if drawn else ''}{''.join(cells)}</tr>")
    return mark_safe("\n".join(lines))  # noqa: S308 (every cell is escaped)


@register.simple_tag
def heat_rows(table: Table, levels: list[list[int]]) -> SafeString:
    """The rows of a table of hours, each cell as dark as its level says; nothing is left empty."""
    rows = (
        (
            row[0],
            format_html_join(
                "", '<td class="level-{}">{}</td>', ((n, v or "") for v, n in zip(row[1:], of, strict=True))
            ),
        )
        for row, of in zip(table.rows, levels, strict=True)
    )
    return format_html_join("\n", '<tr><th scope="row">{}</th>{}</tr>', rows)


def told(value: Value, kind: Kind) -> str:
    """A value in the way of its column; a dash where nothing is known."""
    if value is None:
        return NONE
    if isinstance(value, date):
        return date_format(value, "D j M")
    if isinstance(value, str):
        return value
    match kind:
        case Kind.SHARE:
            return f"{number_format(round(100 * value, 1), 1)}%"
        case Kind.SECONDS:
            return duration(value)
        case Kind.SIGNED:
            return _signed(duration(value), round(value))
        case Kind.CHANGE:
            return _signed(_grouped(abs(value)), value)
    return _grouped(value)


def _grouped(value: float) -> str:
    return str(value) if value < 1000 else number_format(value, force_grouping=True)


def _signed(text: str, value: float) -> str:
    return f"+{text}" if value > 0 else f"{MINUS}{text}" if value < 0 else text


def _bars(now: int, before: int | None) -> SafeString:
    return format_html(_BARS, now, format_html(_BEFORE, before) if before else "")
