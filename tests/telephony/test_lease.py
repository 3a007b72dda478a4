"""Two telephony processes, Ann's and Bob's, and one switch."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.models import F
from django.db.models.functions import Now

from telephony import lease
from telephony.models import Switch

ANN = "ann:1:aa"
BOB = "bob:2:bb"


@pytest.fixture
def switch() -> int:
    return Switch.objects.create(name="SIP_Switch").pk


def run_out(switch: int) -> None:
    Switch.objects.filter(pk=switch).update(lease_until=Now() - timedelta(milliseconds=1))


def state(switch: int) -> tuple[str, int]:
    row = Switch.objects.get(pk=switch)
    return row.lease_holder, row.lease_epoch


@pytest.mark.django_db
def test_one_holds_the_other_stands_by(switch: int) -> None:
    assert not lease.is_live(switch)
    assert lease.acquire(switch=switch, holder=ANN) == 1
    assert lease.acquire(switch=switch, holder=BOB) is None
    lease.renew(switch=switch, holder=ANN, epoch=1, connected=True)

    assert state(switch) == (ANN, 1)
    assert lease.is_live(switch)
    left = Switch.objects.annotate(left=F("lease_until") - Now()).get(pk=switch).left
    assert timedelta(seconds=5) < left <= timedelta(seconds=6)


@pytest.mark.django_db
def test_nobody_dials_while_the_lease_changes_hands_before_the_next_holder_has_a_socket(switch: int) -> None:
    lease.acquire(switch=switch, holder=ANN)
    lease.renew(switch=switch, holder=ANN, epoch=1, connected=True)
    lease.release(switch=switch, holder=ANN, epoch=1)
    assert lease.acquire(switch=switch, holder=BOB) == 2
    assert not lease.is_live(switch)
    lease.renew(switch=switch, holder=BOB, epoch=2, connected=False)
    assert not lease.is_live(switch)
    lease.renew(switch=switch, holder=BOB, epoch=2, connected=True)
    assert lease.is_live(switch)


@pytest.mark.django_db
def test_a_lease_that_ran_out_is_taken_over_with_the_next_epoch(switch: int) -> None:
    lease.acquire(switch=switch, holder=ANN)
    run_out(switch)
    assert not lease.is_live(switch)
    assert lease.acquire(switch=switch, holder=BOB) == 2

    with pytest.raises(lease.Superseded):
        lease.renew(switch=switch, holder=ANN, epoch=1, connected=True)
    lease.release(switch=switch, holder=ANN, epoch=1)
    assert state(switch) == (BOB, 2)


@pytest.mark.django_db
def test_a_lease_that_ran_out_and_was_not_taken_is_renewed(switch: int) -> None:
    lease.acquire(switch=switch, holder=ANN)
    run_out(switch)
    lease.renew(switch=switch, holder=ANN, epoch=1, connected=True)

    assert state(switch) == (ANN, 1)
    assert lease.acquire(switch=switch, holder=BOB) is None


@pytest.mark.django_db
def test_a_released_lease_is_free_at_once(switch: int) -> None:
    lease.acquire(switch=switch, holder=ANN)
    lease.release(switch=switch, holder=ANN, epoch=1)
    assert not lease.is_live(switch)
    assert lease.acquire(switch=switch, holder=BOB) == 2


@pytest.mark.django_db
def test_a_switch_without_its_event_socket_is_not_live(switch: int) -> None:
    lease.acquire(switch=switch, holder=ANN)
    lease.renew(switch=switch, holder=ANN, epoch=1, connected=False)
    assert Switch.objects.get(pk=switch).reachable_at is None
    assert not lease.is_live(switch)

    lease.renew(switch=switch, holder=ANN, epoch=1, connected=True)
    assert list(lease.live_switches().values_list("pk", flat=True)) == [switch]
    Switch.objects.filter(pk=switch).update(reachable_at=Now() - lease.LEASE)
    assert not lease.is_live(switch)


@pytest.mark.django_db
def test_only_the_current_epoch_is_confirmed(switch: int) -> None:
    lease.acquire(switch=switch, holder=ANN)
    run_out(switch)
    # Nobody else has it: what Ann heard meanwhile still counts.
    lease.confirm(switch=switch, epoch=1)
    lease.acquire(switch=switch, holder=BOB)

    with pytest.raises(lease.Superseded):
        lease.confirm(switch=switch, epoch=1)
    lease.confirm(switch=switch, epoch=2)


def unguarded(*, switch: int, holder: str, both_looked: threading.Barrier) -> int | None:
    """Read, compare, write: what `acquire` must not be."""
    row = Switch.objects.get(pk=switch)
    both_looked.wait(5)
    if row.lease_holder:
        return None
    Switch.objects.filter(pk=switch).update(lease_holder=holder, lease_epoch=row.lease_epoch + 1)
    return row.lease_epoch + 1


def race(take: Any, **arguments: Any) -> list[int]:
    """The epochs that eight holders get who all ask at once."""
    epochs: list[int | None] = []
    start = threading.Barrier(8)

    def ask(number: int) -> None:
        start.wait(5)
        epochs.append(take(holder=f"holder-{number}", **arguments))
        connections.close_all()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [epoch for epoch in epochs if epoch is not None]


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_once_one_gets_it(switch: int) -> None:
    for epoch in range(1, 11):
        assert race(lease.acquire, switch=switch) == [epoch]
        run_out(switch)


@pytest.mark.django_db(transaction=True)
def test_without_the_guard_all_of_them_get_it(switch: int) -> None:
    assert race(unguarded, switch=switch, both_looked=threading.Barrier(8)) == [1] * 8


@pytest.mark.django_db(transaction=True)
def test_nobody_takes_over_while_a_batch_is_being_written(switch: int) -> None:
    lease.acquire(switch=switch, holder=ANN)
    run_out(switch)
    taken: list[int | None] = []

    def take_over() -> None:
        taken.append(lease.acquire(switch=switch, holder=BOB))
        connections.close_all()

    bob = threading.Thread(target=take_over)
    with transaction.atomic():
        lease.confirm(switch=switch, epoch=1)
        bob.start()
        bob.join(0.3)
        assert taken == []
    bob.join()
    assert taken == [2]
