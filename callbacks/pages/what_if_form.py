"""The question of the what-if page, as a form whose answers stand in the address."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from callbacks.walk import Outcome
from callbacks.what_if import Question, Wait
from services.models import ConfiguredService, ConfiguredServiceQuerySet

# As many keys as a form should have lines for.
MOST_KEYS = 100
ATTEMPTS = 3
OUTCOMES = [
    (Outcome.HUMAN, _lazy("a human answers")),
    (Outcome.BUSY, _lazy("busy")),
    (Outcome.NO_ANSWER, _lazy("no answer")),
    (Outcome.MACHINE, _lazy("an answering machine")),
]
# Near the ends of time there is no clock on the wall.
FIRST_YEAR, LAST_YEAR = 1971, 8999
NOW, GIVEN, STAFF = "now", "given", "staff"
ONCE, AGAIN = "first", "second"


class LocalTime(forms.DateTimeInput):
    """The browser's own control; without one it is a text."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M:%S", attrs={"step": "1"})


FORMATS = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"]


class QuestionForm(forms.Form):
    """Times are local ones of the zone; its `question` is what was asked, once it is valid."""

    service: forms.ModelChoiceField[ConfiguredService] = forms.ModelChoiceField(
        ConfiguredService.objects.none(), label=_lazy("Service"), to_field_name="name", empty_label=None
    )
    # Not localized into naive moments of the viewer's zone: the zone is asked for beside it.
    arrives = forms.CharField(label=_lazy("The request comes in at"), widget=LocalTime())
    zone = forms.CharField(label=_lazy("in the time zone"), max_length=64)
    which = forms.ChoiceField(
        label=_lazy("Where that time comes twice"),
        choices=[(ONCE, _lazy("the first one")), (AGAIN, _lazy("the second one"))],
        required=False,
        initial=ONCE,
    )
    desired = forms.CharField(label=_lazy("Desired time (empty: now)"), widget=LocalTime(), required=False)
    number = forms.CharField(label=_lazy("Customer's number"), max_length=64, required=False)
    customer_zone = forms.CharField(label=_lazy("Customer's time zone"), max_length=64, required=False)
    keys = forms.CharField(
        label=_lazy("Further keys of the request"),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        required=False,
        max_length=10_000,
        help_text=_lazy("One a line: _wait_for_agent=true"),
    )
    queue = forms.ChoiceField(
        label=_lazy("Wait in the queue"),
        choices=[
            (NOW, _lazy("as it is now")),
            (GIVEN, _lazy("so many seconds")),
            (STAFF, _lazy("by agents and those ahead")),
        ],
        initial=NOW,
        required=False,
    )
    seconds = forms.IntegerField(label=_lazy("Seconds"), min_value=0, max_value=86_400, required=False)
    agents = forms.IntegerField(label=_lazy("Agents logged in"), min_value=0, max_value=10_000, required=False)
    waiting = forms.IntegerField(label=_lazy("Waiting ahead"), min_value=0, max_value=100_000, required=False)
    attempt_1 = forms.ChoiceField(label=_lazy("First attempt"), choices=OUTCOMES, required=False)
    attempt_2 = forms.ChoiceField(label=_lazy("Second attempt"), choices=OUTCOMES, required=False)
    attempt_3 = forms.ChoiceField(label=_lazy("All further ones"), choices=OUTCOMES, required=False)

    def __init__(self, *args: Any, services: ConfiguredServiceQuerySet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["service"].queryset = services.order_by("name")  # type: ignore[attr-defined]

    def clean_zone(self) -> ZoneInfo:
        return _zone(self.cleaned_data["zone"])

    def clean_customer_zone(self) -> str:
        name: str = self.cleaned_data["customer_zone"].strip()
        return _zone(name).key if name else ""

    def clean_keys(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for line in self.cleaned_data["keys"].splitlines():
            if not line.strip():
                continue
            key, equals, value = line.partition("=")
            if not equals or not key.strip():
                raise forms.ValidationError(_("Each line is KEY=VALUE; this one is not: %(line)s") % {"line": line})
            found[key.strip()] = value.strip()
        if len(found) > MOST_KEYS:
            raise forms.ValidationError(_("At most %(most)d keys.") % {"most": MOST_KEYS})
        return found

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        zone = data.get("zone")
        if zone is not None:
            for name in ("arrives", "desired"):
                if data.get(name):
                    data[name] = self._moment(name, data[name], zone, again=data.get("which") == AGAIN)
        if data.get("queue") == GIVEN and data.get("seconds") is None:
            self.add_error("seconds", _("Say how many seconds."))
        if data.get("queue") == STAFF and data.get("agents") is None:
            self.add_error("agents", _("Say how many agents."))
        return data

    def _moment(self, field: str, text: str, zone: ZoneInfo, *, again: bool) -> datetime | None:
        try:
            return moment(text, zone, again=again)
        except ValueError as error:
            self.add_error(field, str(error))
            return None

    @property
    def question(self) -> Question:
        data = self.cleaned_data
        parameters = {"_customer_number": data["number"].strip()} if data["number"].strip() else {}
        if data["customer_zone"]:
            parameters["_customer_timezone"] = data["customer_zone"]
        outcomes = [Outcome(data[f"attempt_{n}"] or Outcome.HUMAN) for n in range(1, ATTEMPTS + 1)]
        wait = Wait()
        if data["queue"] == GIVEN:
            wait = Wait(seconds=float(data["seconds"]))
        elif data["queue"] == STAFF:
            wait = Wait(agents=data["agents"], waiting=data["waiting"] or 0)
        return Question(
            service=data["service"],
            arrives_at=data["arrives"],
            desired_at=data["desired"] or None,
            parameters=parameters | data["keys"],
            outcomes=tuple(outcomes),
            wait=wait,
        )


def moment(text: str, zone: ZoneInfo, *, again: bool = False) -> datetime:
    """A local time as a moment; `again`: the second one, where clocks that go back let it come twice.

    Raises ValueError, with a sentence, for what is no time, or none that this day has.
    """
    local = None
    for form in FORMATS:
        try:
            local = datetime.strptime(text.strip(), form)  # noqa: DTZ007 (the zone comes from beside it)
            break
        except ValueError:
            continue
    if local is None:
        raise ValueError(_("Write the time as 2026-10-25 16:55."))
    if not FIRST_YEAR <= local.year <= LAST_YEAR:
        raise ValueError(
            _("Write a year from %(first)s to %(last)s.") % {"first": str(FIRST_YEAR), "last": str(LAST_YEAR)}
        )
    at = local.replace(tzinfo=zone, fold=int(again)).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None, fold=0) != local:
        raise ValueError(
            _("There is no %(time)s on that day in %(zone)s: clocks go forward over it.")
            % {"time": f"{local:%H:%M}", "zone": zone.key}
        )
    return at


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise forms.ValidationError(
            _("%(name)s is no time zone. Write one like Europe/Berlin.") % {"name": name}
        ) from None
