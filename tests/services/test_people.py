"""Who sees the callbacks of which services: Lisa is limited, Sue sees all."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from pytest_django import DjangoAssertNumQueries

from callbacks.flow.states import State
from callbacks.models import Callback
from services import actions, configurations, people
from services.models import ConfiguredService
from services.types import service_type
from tests.factories import (
    NOON,
    CallbackFactory,
    ServiceFactory,
    UserFactory,
    limit,
    limited_supervisor,
    read_only_supervisor,
    supervisor,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def services() -> None:
    """Three services, each with a callback of its name."""
    for name, groups in (("sales", "north, south"), ("loans", " south "), ("claims", "")):
        service: ConfiguredService = ServiceFactory.create(name=name, options={"_service_groups": groups})
        CallbackFactory.create(id=f"369-{name}", service=service, state=State.COMPLETED)
    ServiceFactory.create(name="hours", type="office-hours", options={})


def seen(user: User | AnonymousUser) -> tuple[set[str], set[str]]:
    """What callbacks and services the user sees, each by the service's name."""
    if isinstance(user, User):
        user = User.objects.get(pk=user.pk)
    callbacks = Callback.objects.visible_to(user)
    return {callback.service_name for callback in callbacks}, {service.name for service in people.visible(user)}


ALL = {"sales", "loans", "claims"}


def test_who_is_not_limited_sees_all() -> None:
    sue = supervisor()
    assert not people.is_limited(sue)
    assert seen(sue) == (ALL, ALL)
    assert seen(read_only_supervisor()) == (ALL, ALL)
    assert seen(UserFactory.create(is_superuser=True)) == (ALL, ALL)


@pytest.mark.parametrize(
    ("names", "groups", "expected"),
    [
        (["sales"], (), {"sales"}),
        (["sales", "claims"], (), {"sales", "claims"}),
        ([], ("south",), {"sales", "loans"}),
        (["claims"], ("north",), {"sales", "claims"}),
        (["sales"], ("south",), {"sales", "loans"}),
        # The name of a service is none of a group, and the other way round.
        (["south"], ("sales",), set()),
        ([], ("sou",), set()),
        (["hours"], (), set()),
        (["gone"], (), set()),
    ],
)
def test_who_is_limited_sees_these_alone(names: list[str], groups: tuple[str, ...], expected: set[str]) -> None:
    lisa = limited_supervisor(*names, groups=groups)
    assert people.is_limited(lisa)
    assert seen(lisa) == (expected, expected)


def test_a_superuser_who_is_limited_sees_these_alone() -> None:
    root = UserFactory.create(is_superuser=True)
    limit(root, "sales")
    assert seen(root) == ({"sales"}, {"sales"})


def test_whoever_may_not_look_sees_no_callback() -> None:
    kate = UserFactory.create()
    limit(kate, "sales")
    assert seen(kate)[0] == set()
    assert seen(AnonymousUser()) == (set(), set())
    assert seen(supervisor(is_active=False)) == (set(), set())


def test_a_service_that_joins_a_group_is_seen_at_once() -> None:
    lisa = limited_supervisor(groups=("north",))
    ConfiguredService.objects.filter(name="claims").update(options={"_service_groups": "north"})
    assert seen(lisa)[1] == {"sales", "claims"}


def test_a_deleted_service_opens_nothing() -> None:
    lisa = limited_supervisor("sales")
    actions.delete_service(ConfiguredService.objects.get(name="sales"), actor="anna", now=NOON)

    assert people.is_limited(lisa)
    assert seen(lisa) == (set(), set())
    # Who sees all sees what is left of it.
    assert seen(supervisor())[0] == ALL


def test_asking_costs_one_statement_for_a_person(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    lisa, sue = User.objects.get(pk=limited_supervisor("sales").pk), User.objects.get(pk=supervisor().pk)
    for user in (lisa, sue):
        user.has_perm("callbacks.view_callback")
        with django_assert_num_queries(1):
            rows = Callback.objects.visible_to(user), people.visible(user), people.is_limited(user)
        with django_assert_num_queries(2):
            assert len(rows[0]) == len(rows[1])
    with django_assert_num_queries(0):
        assert people.limits(AnonymousUser()) is None


def test_numbers_are_masked_for_who_lacks_the_right() -> None:
    callback = Callback.objects.get(pk="369-sales")
    assert callback.number_for(supervisor()) == "916504661232"
    assert callback.number_for(read_only_supervisor()) == "9165***32"
    assert callback.number_for(AnonymousUser()) == "9165***32"


def test_groups_are_said_by_services_alone() -> None:
    """The statement reads the service's own text: no configuration and no section may say it."""
    assert service_type("callback").by_name["_service_groups"].inherits is None
    assert all("_service_groups" not in each.presets for each in configurations.CALLBACK_CONFIGURATIONS)
