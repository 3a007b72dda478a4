"""Eight who dial at once: never one dial too many, by the hour and by the number, and none counted that was not made.

The guard has its negative control: read, compare and save lets several through together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from django.db import connection, transaction

from telephony import brake
from telephony.brake import Allowance, Limit, Period
from telephony.converge import converge
from telephony.models import DialCount, Leg, NumberDials
from telephony.switch import LegState
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

WORKERS, TRIES = 8, 12
NOW = datetime(2026, 6, 10, 12, 40, tzinfo=UTC)


def limits(service: str, *, hour: int = 0, all_hour: int = 0) -> tuple[Limit, ...]:
    """Of two services in turn, so that several wait for the rows of all services with rows of their own."""
    return (
        Limit(service, Period.HOUR, hour, "_max_dials_per_hour"),
        Limit(service, Period.DAY, 0, "_max_dials_per_day"),
        Limit(DialCount.ALL, Period.HOUR, all_hour, "_max_dials_per_hour_all_services"),
        Limit(DialCount.ALL, Period.DAY, 0, "_max_dials_per_day_all_services"),
    )


def dialled(allowance: Callable[[int], Allowance]) -> int:
    """How many of all that eight workers try at once are let through."""
    together = threading.Barrier(WORKERS)

    def work(worker: int) -> int:
        let_through = 0
        try:
            with connection.cursor() as cursor:
                # However slow the machine is.
                cursor.execute("SET lock_timeout = '60s'")
            together.wait(timeout=60)
            for turn in range(TRIES):
                with transaction.atomic():
                    let_through += brake.count(allowance(worker + turn), NOW) is None
        finally:
            connection.close()
        return let_through

    with ThreadPoolExecutor(WORKERS) as workers:
        return sum(workers.map(work, range(WORKERS)))


def unguarded(of: Sequence[Limit], now: datetime) -> list[Limit]:
    """As it must not be done."""
    for limit in of:
        row, _ = DialCount.objects.get_or_create(
            service=limit.service, period=limit.period, begins_at=limit.period.span(now)[0], defaults={"dials": 0}
        )
        if limit.most and row.dials >= limit.most:
            return [limit]
        row.dials += 1
        row.save()
    return []


def by_hour(turn: int) -> Allowance:
    return Allowance("", 0, 0, limits(("billing", "sales")[turn % 2], hour=25, all_hour=40))


def test_the_limit_of_all_services_is_kept_to_the_last_dial() -> None:
    assert dialled(by_hour) == 40
    counted = {(row.service, row.period): row.dials for row in DialCount.objects.all()}
    assert counted["", "hour"] == counted["", "day"] == 40
    assert counted["billing", "hour"] + counted["sales", "hour"] == 40
    assert max(counted["billing", "hour"], counted["sales", "hour"]) <= 25


def test_without_the_guard_it_is_not() -> None:
    DialCount.objects.bulk_create(
        DialCount(service=service, period=period, begins_at=period.span(NOW)[0], dials=0)
        for service in ("", "billing", "sales")
        for period in Period
    )
    with mock.patch.object(brake, "_count_dials", unguarded):
        assert dialled(by_hour) > 40


def test_a_number_is_dialled_so_often_and_not_once_more() -> None:
    def one_number(turn: int) -> Allowance:
        return Allowance("ada", 20, 30, limits(("billing", "sales")[turn % 2]))

    assert dialled(one_number) == 20
    assert len(NumberDials.objects.get().dialled) == 20
    assert DialCount.objects.get(service="", period="day").dials == 20


def test_what_is_rolled_back_was_not_dialled() -> None:
    """The leg was dealt with by somebody else: its dial is taken back with all that was counted of it."""
    with transaction.atomic():
        assert brake.count(Allowance("ada", 1, 1, limits("billing", hour=1)), NOW) is None
        transaction.set_rollback(True)
    assert not DialCount.objects.exists()
    assert not NumberDials.objects.exists()
    with transaction.atomic():
        assert brake.count(Allowance("ada", 1, 1, limits("billing", hour=1)), NOW) is None


def test_of_all_that_are_about_to_ring_only_as_many_do() -> None:
    """The same by the way that every dial takes: eight workers with a callback each, of which three may ring."""
    world = World(_max_dials_per_hour="3")
    world.offset = timedelta(hours=1, minutes=-world.now().minute)
    owners = [world.start(f"9165046612{ending}").pk for ending in range(10, 10 + WORKERS)]
    together = threading.Barrier(WORKERS)

    def ring(owner: str) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '60s'")
            together.wait(timeout=60)
            converge(owner, now=world.now())
        finally:
            connection.close()

    world.keep_lease()
    with world.patched(), ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(ring, owners))
    sent = Leg.objects.filter(party="customer").exclude(sent_at=None)
    assert sent.count() == 3
    assert Leg.objects.filter(party="customer", state=LegState.ENDED, sent_at=None).count() == WORKERS - 3
    row = DialCount.objects.get(service=world.service.name, period="hour")
    assert (row.dials, row.pulled_at is not None) == (3, True)
