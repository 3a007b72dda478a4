"""What an agent can say at the desk, checked before a verb hears it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from telephony.models import Agent, Place
from telephony.templatetags.desk_times import moment
from telephony.upwards import Choice, Description

OTHER = "Other"
# Kept, and shown to supervisors, as they stand here.
REASONS = {
    "Break": _("Break"),
    "Lunch": _("Lunch"),
    "Meeting": _("Meeting"),
    "Training": _("Training"),
    "Paperwork": _("Paperwork"),
    OTHER: _("Other"),
}
CHOICES = {
    Choice.DONE: _("Done"),
    Choice.CALL_NOW: _("Call again now"),
    Choice.CALL_AT: _("Call again at a time"),
    Choice.WRONG_NUMBER: _("Wrong number"),
    Choice.MACHINE: _("It was an answering machine"),
    Choice.DO_NOT_CALL: _("Do not call again"),
}


class NotReadyForm(forms.Form):
    """Why an agent takes no calls: one of a short list, in their own words, or both."""

    reason = forms.ChoiceField(choices=list(REASONS.items()), label=_("Reason"))
    words = forms.CharField(max_length=50, required=False, label=_("In your own words"))

    @property
    def text(self) -> str:
        reason, words = self.cleaned_data["reason"], self.cleaned_data["words"]
        return words if words and reason == OTHER else f"{reason}: {words}" if words else reason


class PlaceForm(forms.Form):
    """Where an agent sits; nowhere is their own phone. Places that others sit at are said, not hidden."""

    place = forms.TypedChoiceField(required=False, empty_value=None, label=_("Where I sit"))

    def __init__(self, agent: Agent, data: Any = None) -> None:
        initial = {"place": agent.place.name if agent.place else ""}
        super().__init__(data, initial=initial)
        taken: QuerySet[Agent] = Agent.objects.filter(~Q(pk=agent.pk), ~Q(state=Agent.State.LOGGED_OUT))
        names = dict(taken.filter(place__isnull=False).values_list("place_id", "name"))
        self.places = {place.name: place for place in Place.objects.order_by("name")}
        said = [
            (
                name,
                gettext("%(place)s (taken by %(agent)s)") % {"place": name, "agent": names[place.pk]}
                if place.pk in names
                else name,
            )
            for name, place in self.places.items()
        ]
        field = self.fields["place"]
        assert isinstance(field, forms.TypedChoiceField)  # noqa: S101 (for the type checker)
        field.choices = [("", gettext("My own phone, %(address)s") % {"address": agent.sip_address}), *said]
        field.coerce = self.places.get


class DispositionForm(forms.Form):
    """What came of a call. A time is for a call at that time; one that was offered, or one of the agent's own."""

    choice = forms.ChoiceField(
        widget=forms.RadioSelect,
        label=_("What came of the call?"),
        error_messages=dict.fromkeys(["required", "invalid_choice"], _("Choose one of what came of the call.")),
    )
    time = forms.TypedChoiceField(
        required=False,
        empty_value=None,
        coerce=parse_datetime,
        label=_("When"),
        error_messages={"invalid_choice": _("Choose one of the times, or give another one.")},
    )
    other = forms.DateTimeField(
        required=False,
        label=_("or at another time"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"invalid": _("Give the other time as a date and a time of day, for example 2026-03-02 15:30.")},
    )

    def __init__(self, call: Description, now: datetime, data: Any = None) -> None:
        super().__init__(data)
        choices = call.choices or tuple(Choice)
        self.may_call_at = Choice.CALL_AT in choices
        choice, time = self.fields["choice"], self.fields["time"]
        assert isinstance(choice, forms.ChoiceField)  # noqa: S101 (for the type checker)
        assert isinstance(time, forms.ChoiceField)  # noqa: S101
        choice.choices = [(one.value, CHOICES[one]) for one in choices]
        choice.initial = choices[0].value
        # Times that were offered a moment ago may still be sent: whether they are possible is the owner's to say.
        sent = parse_datetime(str(data.get("time", ""))[:40]) if data else None
        known = [*call.times, *([sent] if sent and timezone.is_aware(sent) and sent not in call.times else [])]
        time.choices = [("", _("Choose a time")), *((each.isoformat(), moment(each, now)) for each in known)]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        asked = given.get("choice") == Choice.CALL_AT
        at = given.get("other") or given.get("time")
        if self.errors:
            return given
        if asked and at is None:
            raise forms.ValidationError(gettext("Choose a time, or give another one, for calling again at a time."))
        if not asked and at is not None:
            raise forms.ValidationError(
                gettext("You gave a time: choose “%(choice)s” for it, or take it out again.")
                % {"choice": CHOICES[Choice.CALL_AT]}
            )
        return given | {"at": at}

    @property
    def first_error(self) -> str:
        return str(next(text for texts in self.errors.values() for text in texts))
