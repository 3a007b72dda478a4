"""One customer's data by number: given out, and deleted; both are written down (docs/personal-data.md).

A number is the same however it is written: one without a country code is read as one of the country that its service
says (`_default_country`), and where there is no service, of the country that was asked for. Which tables hold what is
listed in `callbacks.personal_data`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import OperationalError, connection, transaction
from django.db.models import CharField, Exists, F, Func, Model, OuterRef, Q, QuerySet, Value
from django.utils.crypto import salted_hmac

from callbacks import actions, sweeps
from callbacks.flow.session import Stage
from callbacks.flow.states import State
from callbacks.models import Callback
from callbacks.privacy_models import CustomerDataRequest
from callbacks.push.models import CometSubscription
from callbacks.status.models import StatusNotice
from callbacks.storage_models import StorageArea, StoredValue
from scheduling.models import Booking
from services import resolution
from services.models import ConfiguredService
from telephony import brake, numbers
from telephony.models import AccessBooking, Agent, ArrivedCall, BlockedNumber, Leg, NumberDials, Prediction
from telephony.switch import LegState

# To find a number by all ways of writing it every callback is read.
MOST_MILLISECONDS = 120_000
LONGEST = 64
# What a deletion leaves: what keeps the number from being called, and who is on the line at this moment.
KEPT = ("block_list", "arrived_calls")

Kind = CustomerDataRequest.Kind
Rows = Mapping[str, Sequence[Model]]


class NoNumber(ValueError):
    """What was given is no telephone number; nothing was looked for."""


class StillLive(Exception):
    """Callbacks of the number are not over; nothing was deleted. `callbacks` are their ids."""

    def __init__(self, callbacks: Iterable[str]) -> None:
        self.callbacks = sorted(callbacks)
        super().__init__(", ".join(self.callbacks))


class Busy(Exception):
    """Somebody else is changing what was to be deleted; nothing was."""


@dataclass(frozen=True)
class Subject:
    """Whose data are meant: one number; `country` is that of one without a country code. Made by subject()."""

    number: str
    country: str

    @property
    def masked(self) -> str:
        return Callback(customer_number=self.number).masked_number

    @property
    def digest(self) -> str:
        text = numbers.canonical(self.number, self.country)
        return str(salted_hmac("callbacks.privacy", text, algorithm="sha256").hexdigest())

    def is_meant(self, text: str, country: str) -> bool:
        """True if this text is the number; one without a country code is one of `country`."""
        return bool(text) and numbers.canonical(text, country) == numbers.canonical(self.number, self.country)


@dataclass(frozen=True)
class Found:
    """What there is of a number. `live` are the ids of those callbacks that are not over for everybody."""

    callbacks: tuple[str, ...]
    live: tuple[str, ...]


@dataclass(frozen=True)
class Deleted:
    callbacks: int
    cancelled: int
    others: int


def subject(number: str, country: str = "") -> Subject:
    """Raises NoNumber."""
    number = number.strip()
    if not numbers.canonical(number, "") or len(number) > LONGEST:
        raise NoNumber(number)
    return Subject(number, country.strip().upper())


def find(of: Subject) -> Found:
    with _patiently():
        callbacks = _callbacks(of)
        return Found(tuple(callbacks), tuple(_live(callbacks)))


def export(of: Subject, *, by: str, now: datetime) -> str:
    """All that is stored of a number, as JSON; that it was given out is committed with the reading."""
    with _patiently():
        ids = _callbacks(of)
        elsewhere = _elsewhere(of, ids)
        document = {
            "number": of.number,
            "exported_at": now,
            "callbacks": [_of_callback(callback) for callback in Callback.objects.filter(pk__in=ids).order_by("pk")],
            **{name: [_document(row) for row in rows] for name, rows in elsewhere.items()},
        }
        _write_down(Kind.EXPORT, of, by, now, callbacks=len(ids), others=_count(elsewhere))
    return json.dumps(document, cls=_Encoder, indent=2, ensure_ascii=False)


def delete(of: Subject, *, by: str, now: datetime, cancel: bool = False) -> Deleted:
    """Delete all that is stored of a number, but for what is KEPT.

    1. With `cancel`, callbacks that are not over are cancelled, each in a transaction of its own: they stay cancelled.
    2. In one transaction all of them are locked; none may be live; every floor forgets them; what else there is of the
       number goes too, and it is written down.
    Raises StillLive, Busy.
    """
    cancelled = sum(_cancel(callback, by, now) for callback in _not_completed(find(of).live)) if cancel else 0
    try:
        with _patiently():
            ids = _callbacks(of)
            locked = Callback.objects.filter(pk__in=ids).order_by("pk").select_for_update(of=("self",))
            ids = list(locked.values_list("pk", flat=True))
            if live := _live(ids):
                raise StillLive(live)
            others = {name: rows for name, rows in _elsewhere(of, ids).items() if name not in KEPT}
            for rows in others.values():
                for row in rows:
                    row.delete()
            sweeps.forget(ids)
            _write_down(Kind.DELETE, of, by, now, callbacks=len(ids), cancelled=cancelled, others=_count(others))
    except OperationalError as error:
        raise Busy from error
    return Deleted(len(ids), cancelled, _count(others))


@contextmanager
def _patiently() -> Iterator[None]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {MOST_MILLISECONDS}")
        yield


def _cancel(callback_id: str, by: str, now: datetime) -> bool:
    """False: it cannot be cancelled, or is over by now; who deletes looks again. Raises Busy."""
    try:
        actions.cancel(callback_id=callback_id, actor=by[:64], now=now)
    except (actions.Refused, actions.NotFound):
        return False
    except actions.Busy as error:
        raise Busy from error
    return True


def _callbacks(of: Subject) -> list[str]:
    """The ids of the callbacks of a number, oldest first."""
    candidates = _may_be(of, Callback.objects.select_related("service").order_by("created_at"), "customer_number")
    return [each.pk for each in candidates if of.is_meant(each.customer_number, _country(each.service, of))]


def _country(service: ConfiguredService | None, of: Subject) -> str:
    if service is None:
        return of.country
    try:
        return str(resolution.resolve_one(service, "_default_country") or "")
    except (resolution.OptionError, LookupError):
        return ""


def _live(ids: Collection[str]) -> list[str]:
    """Those that are not over: not completed, or somebody is still on the line or reserved for them."""
    leg = Exists(Leg.objects.filter(~Q(state=LegState.ENDED), call=OuterRef("pk")))
    reserved = Exists(Agent.objects.filter(reserved_for=OuterRef("pk")))
    live = ~Q(state=State.COMPLETED, stage=Stage.ENDED) | leg | reserved
    return list(Callback.objects.filter(live, pk__in=ids).values_list("pk", flat=True))


def _not_completed(ids: Collection[str]) -> list[str]:
    live = Callback.objects.filter(pk__in=ids).exclude(state=State.COMPLETED)
    return list(live.order_by("pk").values_list("pk", flat=True))


def _elsewhere(of: Subject, ids: Collection[str]) -> Rows:
    """What is stored of the number, or of the customers of its callbacks, beside the callbacks themselves."""
    devices = Callback.objects.filter(pk__in=ids).values_list("properties___device_notification_id", flat=True)
    texts = _may_be(of, StoredValue.objects.exclude(area__client=""), "text")
    held = _may_be(of, AccessBooking.objects.exclude(owner__in=ids), "phone_number")
    blocked = _may_be(of, BlockedNumber.objects.filter(is_prefix=False), "number")
    arrived = _may_be(of, ArrivedCall.objects.all(), "caller")
    return {
        # They outlive their callbacks.
        "status_notifications": list(
            StatusNotice.objects.filter(Q(callback__in=ids) | Q(pk__in=_telling(of))).order_by("pk")
        ),
        "comet_subscriptions": list(CometSubscription.objects.filter(user__in=[d for d in devices if d])),
        "access_numbers": [each for each in held if of.is_meant(each.phone_number, of.country)],
        "stored": list(
            StorageArea.objects.filter(pk__in={each.area_id for each in texts if of.is_meant(each.text, of.country)})
        ),
        "dialled": list(NumberDials.objects.filter(pk=brake.counted_as(of.number, of.country))),
        "block_list": [each for each in blocked if of.is_meant(each.number, of.country)],
        "arrived_calls": [each for each in arrived if of.is_meant(each.caller, of.country)],
    }


def _telling(of: Subject) -> list[int]:
    """The notices that say the number, each as its service writes it; their callbacks may be gone."""
    rows = list(_may_be(of, StatusNotice.objects.exclude(body=""), "body", within=True))
    services = ConfiguredService.objects.filter(name__in={row.service_name for row in rows})
    countries = {service.name: _country(service, of) for service in services}
    return [
        row.pk
        for row in rows
        if any(of.is_meant(text, countries.get(row.service_name, of.country)) for text in _said(row.body))
    ]


def _said(body: str) -> list[str]:
    """The values that a notice tells (`callbacks.status.events.body`)."""
    told = json.loads(body).get("data", {})
    return [text for text in told.values() if isinstance(text, str)]


def _may_be(of: Subject, rows: QuerySet[Any], column: str, *, within: bool = False) -> QuerySet[Any]:
    """Rows whose column ends with the digits of the number, or has them `within`; to be looked at one by one.

    Reads all rows.
    """
    read = numbers.parsed(of.number, of.country)
    digits = str(read.national_number) if read else numbers.canonical(of.number, "")
    bare = Func(F(column), Value("[^0-9]"), Value(""), Value("g"), function="regexp_replace", output_field=CharField())
    how = "contains" if within else "endswith"
    found: QuerySet[Any] = rows.annotate(bare_digits=bare).filter(**{f"bare_digits__{how}": digits})
    return found


def _of_callback(callback: Callback) -> dict[str, Any]:
    """A callback with all that belongs to it."""
    areas = StorageArea.objects.filter(pk=callback.pk)
    return {
        **_document(callback),
        "journal": [_document(row) for row in callback.journal.order_by("pk")],
        "attempts": [_document(row) for row in callback.attempts.order_by("pk")],
        "pending_events": [_document(row) for row in callback.pending.order_by("pk")],
        "pushes": [_document(row) for row in callback.notices.order_by("pk")],
        "comet_messages": [_document(row) for row in callback.comet_messages.order_by("pk")],
        "stored": [_document(area) for area in areas],
        "slots": [_document(row) for row in Booking.objects.filter(owner=callback.pk)],
        "access_numbers": [_document(row) for row in AccessBooking.objects.filter(owner=callback.pk)],
        "predictions": [_document(row) for row in Prediction.objects.filter(owner=callback.pk)],
    }


def _document(row: Model) -> dict[str, Any]:
    """Every column of a row; an area with its values."""
    columns = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    if isinstance(row, StorageArea):
        columns["values"] = [_document(value) for value in row.values.order_by("key")]
    return columns


class _Encoder(DjangoJSONEncoder):
    def default(self, o: Any) -> Any:
        """Stored files as base64."""
        return base64.b64encode(bytes(o)).decode() if isinstance(o, bytes | memoryview) else super().default(o)


def _count(rows: Rows) -> int:
    return sum(map(len, rows.values()))


def _write_down(
    kind: Kind, of: Subject, by: str, now: datetime, *, callbacks: int, others: int, cancelled: int = 0
) -> None:
    CustomerDataRequest.objects.create(
        kind=kind,
        at=now,
        by=by[:150],
        masked_number=of.masked,
        digest=of.digest,
        callbacks=callbacks,
        cancelled=cancelled,
        others=others,
    )
