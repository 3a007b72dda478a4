"""Creating a callback for a customer: the number is judged while it is typed, the times are those that are offered.

Numbers travel in bodies, never in addresses: those are logged.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from callbacks import actions, lookups, steering
from callbacks.flow.session import Stage
from callbacks.flow.states import State
from callbacks.limits import idempotency
from callbacks.limits.idempotency import Answered, BadKey, KeyReused, Once
from callbacks.models import Callback
from callbacks.pages import act_forms, times
from callbacks.pages.access import acts
from callbacks.pages.act_forms import OWN, SPARE_ROWS, Row
from callbacks.pages.acts import SHOW, actor_of
from callbacks.pages.refusals import REFUSALS, words
from services import people, resolution
from services.models import ConfiguredService
from telephony import numbers

# So many callbacks that the number has already are named.
MOST_OTHERS = 5


@dataclass(frozen=True)
class Wish:
    """What the form says. `source` is the callback that is over and is asked for anew."""

    service: ConfiguredService | None
    number: str
    at: str
    day: str
    rows: list[Row]
    source: Callback | None
    form: str


@require_http_methods(["GET", "HEAD", "POST"])
@acts
def create(request: HttpRequest) -> HttpResponse:
    """The form, prefilled by ?service=, ?at= and ?from= (a callback that is over); and what it makes."""
    now = timezone.now()
    if request.method != "POST":
        return _show(request, _prefilled(request), now)
    wish = _sent(request)
    if SHOW in request.POST:
        return _show(request, wish, now)
    number, errors = _check(request, wish)
    if errors or wish.service is None:
        return _show(request, wish, now, errors=errors, status=422)
    try:
        made = _make(wish, wish.service, number, actor_of(request), now)
    except Answered as before:
        messages.info(request, _("This form was sent before: nothing more was created. This is what it had made."))
        return _on_to(request, str(before.answer["_id"]))
    except (BadKey, KeyReused):
        said = _("This form has made a callback already, with something else in it. Open a new form for another one.")
        return _show(request, wish, now, errors={"form": said}, status=409)
    except REFUSALS as refused:
        return _show(request, wish, now, errors={"form": words(refused)}, status=409)
    messages.success(request, _("Created."))
    return _on_to(request, made.pk)


@require_POST
@acts
def number(request: HttpRequest) -> HttpResponse:
    """What the rules of the service say of a number that is being typed, and how it is usually written."""
    service, text = _service(request, request.POST.get("service", "")), request.POST.get("number", "").strip()
    return render(request, "acts/number.html", judged(request, service, text) if text else {})


def judged(request: HttpRequest, service: ConfiguredService | None, text: str) -> dict[str, Any]:
    """Nothing of it is promised: the start judges again."""
    try:
        read = act_forms.read_number(text)
    except forms.ValidationError as error:
        return {"why_not": error.messages[0]}
    if service is None:
        return {"written": read}
    try:
        steering.check_number(service, read, timezone.now())
        country = str(resolution.resolve_one(service, "_default_country") or "")
    except REFUSALS as refused:
        return {"why_not": words(refused)}
    live = Callback.objects.visible_to(request.user).exclude(state=State.COMPLETED).filter(customer_number=read)
    return {
        "written": written(read, country),
        "zone": _zone(read, country),
        "others": list(live.order_by("created_at")[:MOST_OTHERS]),
    }


def written(text: str, country: str) -> str:
    """The number as people write it: +49 89 1234567; as it is where it belongs to no country."""
    import phonenumbers

    read = numbers.parsed(text, country)
    if read is None or not phonenumbers.is_possible_number(read):
        return text
    return phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def _zone(text: str, country: str) -> ZoneInfo | None:
    """The zone of the customer's clock, where the number says it."""
    zones = numbers.zones_of(text, country)
    return zones[0] if len(zones) == 1 else None


def _service(request: HttpRequest, text: str) -> ConfiguredService | None:
    return people.visible(request.user).filter(name=text).first() if text else None


def _source(request: HttpRequest, callback_id: str) -> Callback | None:
    visible = Callback.objects.visible_to(request.user).select_related("service")
    return visible.filter(pk=callback_id, stage=Stage.ENDED).first() if callback_id else None


def _prefilled(request: HttpRequest) -> Wish:
    asked = request.GET
    source = _source(request, asked.get("from", ""))
    service = source.service if source else _service(request, asked.get("service", ""))
    services = list(people.visible(request.user)[:2])
    if service is None and len(services) == 1:
        service = services[0]
    number = source.number_for(request.user) if source else ""
    rows: list[Row] = []
    if source:
        rows = [Row(key, lookups.stored(source, key) or "", is_new=True) for key in sorted(source.user_data)]
    at = times.read(asked.get("at", ""))
    return Wish(service, number, times.value_of(at) if at else "", "", rows, source, uuid.uuid4().hex)


def _sent(request: HttpRequest) -> Wish:
    sent = request.POST
    service = _service(request, sent.get("service", ""))
    rows = act_forms.rows_from(sent, needed=_needed(service), is_start=True)
    source = _source(request, sent.get("from", ""))
    return Wish(
        service, sent.get("number", ""), sent.get("at", ""), sent.get("day", ""), rows, source, sent.get("form", "")
    )


def _check(request: HttpRequest, wish: Wish) -> tuple[str, dict[str, str]]:
    """The number as it is stored, and what is wrong with the form, by field."""
    errors: dict[str, str] = {}
    number = ""
    if wish.service is None:
        errors["service"] = _("Choose a service.")
    if wish.source and wish.number.strip() == wish.source.number_for(request.user):
        number = wish.source.customer_number
    else:
        try:
            number = act_forms.read_number(wish.number)
        except forms.ValidationError as error:
            errors["number"] = error.messages[0]
    if wish.at != times.NOW and times.read(wish.at) is None:
        errors["at"] = _("Choose one of the times, or as soon as possible.")
    if any(row.error for row in wish.rows):
        errors["rows"] = _("Something is wrong with the user data.")
    return number, errors


def _make(wish: Wish, service: ConfiguredService, number: str, actor: str, now: datetime) -> Callback:
    parameters = _parameters(wish, number)
    once = _once(wish, service, parameters, actor)
    at = times.read(wish.at)
    if wish.source is not None:
        return steering.recreate(
            callback_id=wish.source.pk,
            service=service,
            parameters=parameters,
            desired_at=at,
            actor=actor,
            now=now,
            once=once,
        )
    return actions.start(service=service, parameters=parameters, desired_at=at, actor=actor, now=now, once=once)


def _parameters(wish: Wish, number: str) -> dict[str, str]:
    """The keys of the request; one that is asked for anew brings those of the system and its options along."""
    parameters: dict[str, str] = {}
    if wish.source is not None:
        kept: Mapping[str, object] = {**wish.source.properties, **wish.source.overrides}
        parameters = {key: str(text) for key, text in kept.items() if key not in OWN}
    parameters |= {row.key: row.text for row in wish.rows if row.text}
    parameters["_customer_number"] = number
    if wish.at != times.NOW:
        parameters["_desired_time"] = wish.at
    return parameters


def _once(wish: Wish, service: ConfiguredService, parameters: Mapping[str, str], actor: str) -> Once:
    once = idempotency.once(
        wish.form,
        client=f"page {actor}",
        service=service.pk,
        parameters=parameters,
        answer=lambda callback: {"_id": callback.pk},
    )
    assert once is not None  # noqa: S101 (None only without a key)
    return once


def _needed(service: ConfiguredService | None) -> frozenset[str]:
    if service is None:
        return frozenset()
    try:
        return frozenset(resolution.missing_mandatory(service, {}))
    except (resolution.OptionError, LookupError):
        return frozenset()


def _on_to(request: HttpRequest, callback_id: str) -> HttpResponse:
    url = reverse("callback-detail", args=[callback_id])
    return HttpResponseClientRedirect(url) if "HX-Request" in request.headers else redirect(url)


def _show(
    request: HttpRequest, wish: Wish, now: datetime, *, errors: dict[str, str] | None = None, status: int = 200
) -> HttpResponse:
    service, typed = wish.service, {row.key for row in wish.rows}
    needed = [Row(key, "", is_new=True, is_needed=True) for key in sorted(_needed(service) - typed - OWN)]
    picked = None
    if service is not None:
        picked = times.times(
            service,
            number=numbers.normalised(wish.number),
            properties=wish.source.properties if wish.source else {},
            day=times.read_day(wish.day),
            chosen=wish.at,
            now=now,
        )
    context = {
        "title": _("Create callback"),
        "services": list(people.visible(request.user).order_by("name")),
        "wish": wish,
        "rows": [*wish.rows, *needed],
        "spare_rows": range(SPARE_ROWS),
        "times": picked,
        "errors": errors or {},
        "judged": judged(request, service, wish.number) if wish.number and not wish.source else {},
        "is_fresh": request.method != "POST",
        "from_gone": bool(_asked_from(request)) and wish.source is None,
    }
    is_part = "HX-Request" in request.headers
    # What is answered with an error is not put in by htmx.
    response = render(
        request, "acts/create_form.html" if is_part else "acts/create.html", context, status=200 if is_part else status
    )
    patch_vary_headers(response, ["HX-Request"])
    return response


def _asked_from(request: HttpRequest) -> str:
    asked: QueryDict = request.POST if request.method == "POST" else request.GET
    return asked.get("from", "")
