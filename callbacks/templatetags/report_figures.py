"""Figures of reports as people read them."""

from __future__ import annotations

from django import template
from django.utils.formats import number_format

from callbacks.reporting.tables import Cell, Kind
from callbacks.templatetags.estimates import NONE, duration

register = template.Library()

MINUS = "\N{MINUS SIGN}"


@register.filter
def told(cell: Cell) -> str:
    """The value of a cell in the way of its column; a dash where nothing is known."""
    value = cell.value
    if value is None:
        return NONE
    if isinstance(value, str):
        return value
    match cell.column.kind:
        case Kind.SHARE:
            return f"{number_format(100 * value, 1)}%"
        case Kind.SECONDS:
            return duration(value)
        case Kind.SIGNED:
            return _signed(duration(value), round(value))
        case Kind.CHANGE:
            return _signed(number_format(abs(value), force_grouping=True), value)
    return number_format(value, force_grouping=True)


def _signed(text: str, value: float) -> str:
    return f"+{text}" if value > 0 else f"{MINUS}{text}" if value < 0 else text
