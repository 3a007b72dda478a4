"""What supervisors type to act on a callback, checked before a verb hears it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from callbacks import lookups
from callbacks.api import bodies
from callbacks.models import Callback
from callbacks.pages.times import NOW, read
from callbacks.steering import HIGHEST_PRIORITY, LONGEST_ASSIGNMENT, LONGEST_NOTE, Edit
from services import resolution
from services.kinds import NUMBER, BadValue
from services.types import CALLBACK
from telephony import numbers
from telephony.models import Agent

# So many empty rows for further keys are offered.
SPARE_ROWS = 2
# What is said elsewhere in the form, or follows from what happens.
OWN = frozenset({"_customer_number", "_desired_time", "_callback_state", "_callback_reason", "_id", "_service_name"})


class CancelForm(forms.Form):
    """Nothing is typed: it is asked for, or it is not."""


class TimeForm(forms.Form):
    """Which of the offered times, or as soon as possible."""

    at = forms.CharField(
        error_messages={"required": gettext_lazy("Choose one of the times, or as soon as possible.")},
    )

    def clean_at(self) -> str:
        text = str(self.cleaned_data["at"])
        if text != NOW and read(text) is None:
            raise forms.ValidationError(_("Choose one of the times, or as soon as possible."))
        return text


class PriorityForm(forms.Form):
    priority = forms.IntegerField(
        min_value=0,
        max_value=HIGHEST_PRIORITY,
        error_messages={
            name: gettext_lazy("The priority is a whole number from 0 to 1,000,000.")
            for name in ("required", "invalid", "min_value", "max_value")
        },
    )


class AssignForm(forms.Form):
    """The agent, none to take the assignment back, and for how many seconds only they are looked for."""

    agent = forms.CharField(required=False, max_length=64)
    seconds = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=LONGEST_ASSIGNMENT,
        error_messages={
            name: gettext_lazy("How long is a whole number of seconds from 1 to 86,400.")
            for name in ("invalid", "min_value", "max_value")
        },
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("agent") and cleaned.get("seconds") is None and "seconds" not in self.errors:
            self.add_error("seconds", _("Say for how long only this agent is looked for."))
        return cleaned


class NoteForm(forms.Form):
    text = forms.CharField(
        max_length=LONGEST_NOTE,
        error_messages={
            "required": gettext_lazy("Write something first."),
            "max_length": gettext_lazy("A note has at most %(limit_value)d characters; this one has %(show_value)d."),
        },
    )


def read_number(text: str) -> str:
    """A customer's number as it is stored. Raises ValidationError."""
    number = numbers.normalised(text.strip())
    try:
        NUMBER.read(number)
    except BadValue:
        number = ""
    if not number:
        said = _(
            "This is no telephone number: digits, with + before a country code; blanks, - / . ( ) may stand between."
        )
        raise forms.ValidationError(said)
    return number


@dataclass(frozen=True)
class Row:
    """One key of a request: what was seen of it, and what is typed. `is_new`: its name is typed too."""

    key: str
    text: str
    was: str = ""
    is_new: bool = False
    is_needed: bool = False
    error: str = ""


def rows_of(callback: Callback) -> list[Row]:
    """The keys that can be edited: the customer's data first, then those of the system that are no options."""
    keys = [*sorted(callback.user_data), *sorted(key for key in callback.properties if key not in OWN)]
    needed = mandatory(callback)
    return [Row(key, text := lookups.stored(callback, key) or "", text, is_needed=key in needed) for key in keys]


def mandatory(callback: Callback) -> frozenset[str]:
    if callback.service is None:
        return frozenset()
    try:
        return frozenset(resolution.missing_mandatory(callback.service, {}))
    except (resolution.OptionError, LookupError):
        return frozenset()


def rows_from(sent: QueryDict, needed: frozenset[str] = frozenset(), *, is_start: bool = False) -> list[Row]:
    """The rows of a form as they were sent, checked; empty new ones are left out.

    Options may be given where a callback starts (`is_start`): those that a request may set.
    """
    rows: list[Row] = []
    known: set[str] = set()
    columns = [sent.getlist(name) for name in ("key", "value", "was", "new")]
    for key, text, was, new in zip(*columns, strict=False):
        key, text = key.strip().replace("\0", ""), text.strip().replace("\0", "")
        if not key and not text:
            continue
        error = _why_not(key, text, is_new=new == "yes", known=known, is_start=is_start)
        if not error and key in needed and not text:
            error = _("This service needs a value here.")
        known.add(key)
        rows.append(Row(key, text, was, new == "yes", key in needed, error))
    return rows


def _why_not(key: str, text: str, *, is_new: bool, known: set[str], is_start: bool) -> str:
    if not key:
        return _("A value needs a name.")
    if key in known:
        return _("%(key)s stands here twice.") % {"key": key}
    if key in OWN:
        return _("%(key)s is no key of its own.") % {"key": key}
    if is_new and not is_start and CALLBACK.option(key):
        return _("%(key)s is an option: it can only be set when a callback is created.") % {"key": key}
    if len(key) > bodies.LONGEST_KEY:
        return _("A name has at most %(most)d characters.") % {"most": bodies.LONGEST_KEY}
    if len(text) > bodies.LONGEST_VALUE:
        return _("A value has at most %(most)d characters.") % {"most": bodies.LONGEST_VALUE}
    return ""


def edit_of(rows: list[Row], number: str | None) -> Edit:
    """What the rows change."""
    changed = [row for row in rows if row.text != row.was]
    return Edit(number, {row.key: row.text for row in changed}, {row.key: row.was for row in changed})


@dataclass(frozen=True)
class AgentChoice:
    name: str
    state: str
    chosen: bool


def agents(chosen: str) -> list[AgentChoice]:
    """Everybody who can be assigned, with what they do now."""
    found = Agent.objects.order_by("name").values_list("name", "state")
    labels = dict(Agent.State.choices)
    return [AgentChoice(name, str(labels.get(state, state)), name == chosen) for name, state in found]
