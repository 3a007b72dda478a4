"""The columns of the list of callbacks: their headings, and what a row shows in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from callbacks import lookups, sections
from callbacks.flow.session import Stage
from callbacks.flow.states import State
from callbacks.models import Callback
from callbacks.pages.access import ACT, SEE_NUMBERS
from callbacks.pages.view import COLUMNS, KEY, NUMBER_KEY, ORDERS
from callbacks.templatetags.callback_words import NONE, moments, reason_tone, reason_words, stage_words

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


@dataclass(frozen=True)
class Column:
    """`sort` is what the address says for this column's order, empty where no index holds it."""

    name: str
    heading: str
    sort: str = ""

    @property
    def css(self) -> str:
        return "key" if self.name.startswith(KEY) else self.name


def aliases() -> dict[str, str]:
    """Request keys and what their columns are called: option `[callback] callback_column_alias`. One statement."""
    said = sections.value("callback", "callback_column_alias")
    if not isinstance(said, Mapping):
        return {}
    return {key: text for key, text in said.items() if isinstance(key, str) and isinstance(text, str) and key and text}


def columns(names: Sequence[str], named: Mapping[str, str]) -> list[Column]:
    """The columns of a view; a key without an alias is its own heading."""
    return [_column(name, named) for name in names]


def _column(name: str, named: Mapping[str, str]) -> Column:
    if name.startswith(KEY):
        key = name.removeprefix(KEY)
        return Column(name, named.get(key, key))
    return Column(name, str(COLUMNS[name]), name if name in ORDERS else "")


def rows(callbacks: Sequence[Callback], shown: Sequence[Column], user: User | AnonymousUser) -> SafeString:
    """Two hundred and fifty rows every few seconds: so no template is asked for each cell, and no word twice.

    Whoever may act has a box in front of each row, by which callbacks are ticked.
    """
    may_act = user.has_perm(ACT)
    heads = [
        (
            format_html('<td role="cell" class="cell-{}" data-label="{}">', column.css, column.heading),
            _cell(column, user),
        )
        for column in shown
    ]
    written = (
        f'<tr role="row">{_box(each) if may_act else ""}'
        f"{''.join([f'{head}{cell(each)}</td>' for head, cell in heads])}</tr>\n"
        for each in callbacks
    )
    # Each part is escaped where it is made.
    return mark_safe("".join(written))  # noqa: S308


def _box(callback: Callback) -> str:
    pk = escape(callback.pk)
    return (
        f'<td role="cell" class="tick"><input type="checkbox" id="tick-{pk}" name="id" value="{pk}" form="bulk" '
        f'aria-labelledby="row-{pk}"></td>'
    )


Cell = Callable[[Callback], str]


def _cell(column: Column, user: User | AnonymousUser) -> Cell:
    """What writes the column's cells, escaped."""
    if column.name.startswith(KEY):
        key = column.name.removeprefix(KEY)
        return _number(user) if key == NUMBER_KEY else lambda callback: _text(lookups.stored(callback, key))
    if column.name == "number":
        return _number(user)
    if column.name == "state":
        return _state()
    if column.name in _SHARED:
        field, write = _SHARED[column.name]
        written = cache(write)
        return lambda callback: written(getattr(callback, field))
    if column.name in _MOMENTS:
        field, precision = _MOMENTS[column.name]
        moment = moments(precision)
        return lambda callback: moment(getattr(callback, field))
    return lambda callback: f'<span class="id">{escape(callback.pk)}</span>'


def _text(text: str | None) -> str:
    return escape(text) if text else NONE


def _number(user: User | AnonymousUser) -> Cell:
    if user.has_perm(SEE_NUMBERS):
        return lambda callback: _text(callback.customer_number)
    return lambda callback: _text(callback.customer_number and callback.masked_number)


def _state() -> Cell:
    """The state leads to the callback; a talk behind a completed record is told as well."""
    words = {
        state: format_html('<span class="state state-{}">{}</span>', state.lower(), text)
        for state, text in Callback.STATES
    }
    stages = cache(lambda stage: format_html(' <span class="stage">{}</span>', stage_words(stage)))
    spoken, url = _("callback"), reverse("callback-list")

    def cell(callback: Callback) -> str:
        is_over = callback.state == State.COMPLETED and callback.stage == Stage.ENDED
        pk = escape(callback.pk)
        return (
            f'<a id="row-{pk}" href="{url}{pk}/">{words[State(callback.state)]}'
            f'<span class="visually-hidden"> {spoken} {pk}</span></a>{"" if is_over else stages(callback.stage)}'
        )

    return cell


def _reason(reason: str) -> str:
    return format_html('<span class="tone-{}">{}</span>', reason_tone(reason), reason_words(reason)) if reason else NONE


# By column the field, and what writes it; many rows have the same.
_SHARED: dict[str, tuple[str, Callable[[str], str]]] = {
    "reason": ("reason", _reason),
    "service": ("service_name", _text),
    "queue": ("queue", _text),
    "agent": ("agent", _text),
}
_MOMENTS = {
    "desired": ("desired_at", "minute"),
    "created": ("created_at", "second"),
    "completed": ("completed_at", "second"),
}
