"""Access numbers that customers call: booked from pools, with or without a code, and found again when the call comes.

A pool is a section of the list GMS_Resources, named by `_resource_group`: `_allocation`, `_booking_expiration_timeout`,
and a key for each number. RANDOM gives any number and keeps it for nobody: calls are told apart by the caller's number.
LOCAL and CLUSTER book: a number without a code belongs to one owner at a time, in the whole installation, whose nodes
share one database (docs/adr/0028-access-numbers.md). With codes a number serves as many as there are codes.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from services import resolution
from services.catalogue import OptionError, list_option
from services.catalogue.sections import ANY
from services.models import ConfiguredService, NamedList, Section
from services.resolution import Origin
from telephony import access_codes, numbers
from telephony.access_codes import BadPrefix as BadPrefix
from telephony.access_codes import Codes
from telephony.access_codes import PrefixTooLarge as PrefixTooLarge
from telephony.access_codes import PrefixTooLong as PrefixTooLong
from telephony.access_models import AccessBooking

LIST = "GMS_Resources"
# The vendor's (request-access): codes of that many digits, bookings of that many seconds, where nothing else is said.
CODE_LENGTH = 6
SECONDS = 30
_OPTIONS = frozenset({"_allocation", "_booking_expiration_timeout"})
# As many digits of two numbers have to be equal from the end, where they are written with and without a country code.
_FEWEST_EQUAL = 7
# Each lost try is somebody else's booking, so that 64 at once need 64 at the most.
_MOST_TRIES = 200
_BATCH = 1000


class UnknownGroup(LookupError):
    """No pool of this name is configured, or it has no numbers."""

    def __init__(self, group: str) -> None:
        super().__init__(f"{LIST} has no section {group} with access numbers.")
        self.group = group


class Exhausted(Exception):
    """All numbers of the pool are held for others; nothing was booked."""

    def __init__(self, group: str) -> None:
        super().__init__(f"No access number of {group} is free.")
        self.group = group


@dataclass(frozen=True)
class Pool:
    """The numbers of a group as they are configured; `seconds` is how long a booking lasts unless a service says."""

    group: str
    allocation: str
    seconds: int
    numbers: tuple[str, ...]


@dataclass(frozen=True)
class Health:
    """How many numbers a pool has, and how many of them are held for somebody."""

    size: int
    booked: int


@dataclass(frozen=True)
class Booking:
    owner: str
    number: str
    code: str
    expires_at: datetime


@dataclass(frozen=True)
class Match:
    """Whose call it is: `owner` is empty where that is not known. `needs_code`: asking for a code may tell."""

    owner: str
    needs_code: bool


def pool(group: str) -> Pool:
    """The pool of this name. Raises UnknownGroup. One statement."""
    texts = _sections().get(group)
    found = tuple(dict.fromkeys(_numbers_in(texts or {})))
    if texts is None or not found:
        raise UnknownGroup(group)
    seconds = _read("GMS_Resources", "_booking_expiration_timeout", texts)
    return Pool(
        group=group,
        # What cannot be read keeps the promise that nobody else is given the number.
        allocation=str(_read("GMS_Resources", "_allocation", texts) or "CLUSTER"),
        seconds=seconds if isinstance(seconds, int) else SECONDS,
        numbers=found,
    )


def seconds_of(service: ConfiguredService) -> int:
    """How long the service itself says that bookings last; 0 where it leaves that to the pool.

    A Common Default Configuration presets what the pool's own value would never get past.
    """
    if resolution.origins(service)["_booking_expiration_timeout"].origin is not Origin.SERVICE:
        return 0
    seconds = resolution.resolve_one(service, "_booking_expiration_timeout")
    return seconds if isinstance(seconds, int) else 0


def book(*, group: str, owner: str, phone_number: str, code_length: int, seconds: int, now: datetime) -> Booking:
    """Hold an access number of a group for an owner, in the caller's transaction or one of its own.

    `phone_number` is from where the customer will call, empty if not known; `code_length` 0 books without a code;
    `seconds` 0 leaves it to the pool how long. An owner's earlier booking is replaced. Raises UnknownGroup, Exhausted,
    BadPrefix; an earlier booking stays then.

    1. The owner's earlier booking is deleted.
    2. A number, or a number and a code, that no row has is inserted; the constraint decides between two who want it.
    3. Where every one has a row, the one that expired first is taken over, unless somebody else is at it.
    4. Whoever lost a race looks again; nothing free and nothing expired means that the pool is exhausted.
    """
    of = pool(group)
    codes = access_codes.codes(code_length, _text("server", "access_code_prefix")) if code_length else None
    wanted = AccessBooking(
        owner=owner,
        group=group,
        shared=of.allocation == "RANDOM" and codes is None,
        phone_number=numbers.normalised(phone_number),
        expires_at=now + timedelta(seconds=seconds or of.seconds),
    )
    with transaction.atomic():
        for _ in range(_MOST_TRIES):
            AccessBooking.objects.filter(owner=owner).delete()
            place = _free(of, wanted, codes, now) or _taken_from_expired(of, codes, now)
            if place is None:
                break
            wanted.number, wanted.code = place
            if _insert(wanted):
                return _booking(wanted)
        raise Exhausted(group)


def release(owner: str) -> None:
    """Give an owner's number back; nothing where none is held."""
    AccessBooking.objects.filter(owner=owner).delete()


def forget(owners: Collection[str]) -> None:
    AccessBooking.objects.filter(owner__in=owners).delete()


def booking_of(owner: str) -> Booking | None:
    """What is held for an owner, also where it has expired and was not swept yet; compare `expires_at`."""
    row = AccessBooking.objects.filter(owner=owner).first()
    return _booking(row) if row else None


def match(*, access_number: str, phone_number: str, now: datetime) -> Match:
    """Whose call an inbound call is, by the number called and the caller's, which is empty where it is withheld.

    1. The latest booking without a code that was made for the caller's number.
    2. Else the only booking without a code, where its number or the caller's is not known, and nobody has a code.
    3. Else nobody; who has a code for this number may be asked for it.
    """
    rows = list(_live(access_number, now).order_by("-expires_at"))
    plain = [row for row in rows if not row.code]
    needs_code = len(plain) < len(rows)
    caller = numbers.normalised(phone_number)
    for row in plain:
        if caller and row.phone_number and same_line(caller, row.phone_number):
            return Match(row.owner, needs_code=False)
    unsure = [row for row in plain if not caller or not row.phone_number]
    if len(unsure) == 1 and not needs_code:
        return Match(unsure[0].owner, needs_code=False)
    return Match("", needs_code=needs_code)


def match_code(*, access_number: str, code: str, now: datetime) -> str:
    """The owner of a code that a caller of this number gave; empty where nobody has it."""
    if not code:
        return ""
    owner = _live(access_number, now).filter(code=code).values_list("owner", flat=True).first()
    return owner or ""


def owner_of(*, access_number: str, phone_number: str, now: datetime) -> str:
    """As match(), for a system that answers calls itself and has no code: the only owner of one is who is meant."""
    if owner := match(access_number=access_number, phone_number=phone_number, now=now).owner:
        return owner
    caller = numbers.normalised(phone_number)
    rows = [
        row
        for row in _live(access_number, now)[:_BATCH]
        if not caller or not row.phone_number or same_line(caller, row.phone_number)
    ]
    return rows[0].owner if len(rows) == 1 else ""


def health(group: str, now: datetime) -> Health | None:
    """How full a pool is; None for one that books nothing. Raises UnknownGroup."""
    of = pool(group)
    if of.allocation == "RANDOM":
        return None
    held = AccessBooking.objects.filter(number__in=of.numbers, shared=False, expires_at__gt=now)
    return Health(size=len(of.numbers), booked=held.values("number").distinct().count())


def delete_expired(now: datetime) -> int:
    """Remove bookings whose call did not come in time; for the sweep."""
    with transaction.atomic():
        # What somebody is taking over at this moment is theirs.
        expired = AccessBooking.objects.filter(expires_at__lte=now).select_for_update(skip_locked=True)
        deleted, _ = AccessBooking.objects.filter(
            owner__in=list(expired.values_list("owner", flat=True)[:_BATCH])
        ).delete()
    return deleted


def same_line(one: str, other: str) -> bool:
    """True if two numbers are the same as digits, or the same line with and without its country code."""
    one, other = one.lstrip("+0"), other.lstrip("+0")
    shorter, longer = sorted((one, other), key=len)
    return shorter == longer or (len(shorter) >= _FEWEST_EQUAL and longer.endswith(shorter))


def _sections() -> dict[str, dict[str, str]]:
    row = NamedList.objects.filter(name=LIST).values_list("sections", flat=True).first()
    return row or {}


def _numbers_in(texts: dict[str, str]) -> list[str]:
    """The numbers of a section: values of the keys that are no options of it. What is no number is left out."""
    given = (str(text) for key, text in texts.items() if key not in _OPTIONS)
    return [number for text in given if (number := numbers.normalised(text))]


def _read(list_name: str, key: str, texts: dict[str, str]) -> object:
    """The value of a key of a pool; None where it has none that can be read."""
    option = list_option(list_name, ANY, key)
    try:
        return option.value(str(texts.get(key, "")) or option.default) if option else None
    except OptionError:
        return None


def _live(access_number: str, now: datetime) -> QuerySet[AccessBooking]:
    called = numbers.normalised(access_number)
    configured = (number for texts in _sections().values() for number in _numbers_in(texts))
    alike = {number for number in configured if called and same_line(number, called)}
    return AccessBooking.objects.filter(number__in=alike | {called}, expires_at__gt=now)


def _text(section: str, key: str) -> str:
    row = Section.objects.filter(name=section).values_list("options", flat=True).first() or {}
    return str(row.get(key, "")).strip()


def _free(of: Pool, wanted: AccessBooking, codes: Codes | None, now: datetime) -> tuple[str, str] | None:
    """A number, and a code where one is wanted, that nobody has; None where all are taken, or about to be."""
    if wanted.shared:
        return secrets.choice(of.numbers), ""
    if codes is None:
        return _first(_FREE_NUMBER, [list(of.numbers), now])
    few = _first(f"{_FREE_CODE} {_SPREAD} LIMIT 1", [list(of.numbers), codes.few(), now])
    return few or _first(f"{_FREE_CODE} LIMIT 1", [list(of.numbers), codes.many(), now])


def _taken_from_expired(of: Pool, codes: Codes | None, now: datetime) -> tuple[str, str] | None:
    """The number and code of the booking that expired first, which is deleted; None where there is none."""
    return _first(_EXPIRED, [list(of.numbers), codes.length if codes else 0, now, now])


def _first(sql: str, parameters: Sequence[Any]) -> tuple[str, str] | None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row: tuple[str, str] | None = cursor.fetchone()
    return row


def _insert(wanted: AccessBooking) -> bool:
    """True if it is held now; False where somebody else, or the same owner, booked in the same moment."""
    columns: list[Any] = [wanted.owner, wanted.group, wanted.number, wanted.code, wanted.shared, wanted.phone_number]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [*columns, wanted.expires_at])
        return bool(cursor.rowcount)


def _booking(row: AccessBooking) -> Booking:
    return Booking(row.owner, row.number, row.code, row.expires_at)


# A number that callers give codes for is not given away without one, nor the other way round: else who withholds their
# number could not be told apart.
_FREE_NUMBER = """
    SELECT number, '' FROM unnest(%s::text[]) AS pool (number)
    WHERE NOT EXISTS (
        SELECT FROM telephony_accessbooking AS held
        WHERE held.number = pool.number AND NOT held.shared AND (held.code = '' OR held.expires_at > %s)
    )
    ORDER BY random() LIMIT 1
"""
_FREE_CODE = """
    SELECT pool.number, code FROM unnest(%s::text[]) AS pool (number), unnest(%s::text[]) AS codes (code)
    WHERE NOT EXISTS (
        SELECT FROM telephony_accessbooking AS held
        WHERE held.number = pool.number AND NOT held.shared
        AND (held.code = codes.code OR held.code = '' AND held.expires_at > %s)
    )
"""
# Numbers are shared only when there are no others: whoever asks by number alone then hears of one owner.
_SPREAD = """
    ORDER BY EXISTS (SELECT FROM telephony_accessbooking AS held WHERE held.number = pool.number), random()
"""
_EXPIRED = """
    DELETE FROM telephony_accessbooking WHERE owner = (
        SELECT owner FROM telephony_accessbooking AS expired
        WHERE number = ANY(%s) AND length(code) = %s AND NOT shared AND expires_at <= %s
        AND NOT EXISTS (
            SELECT FROM telephony_accessbooking AS held
            WHERE held.number = expired.number AND NOT held.shared AND held.expires_at > %s
            AND (held.code = '') <> (expired.code = '')
        )
        ORDER BY expires_at LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING number, code
"""
_INSERT = """
    INSERT INTO telephony_accessbooking (owner, "group", number, code, shared, phone_number, expires_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
