"""What a service asks for that cannot run ends at once with its reason; nobody is called."""

from __future__ import annotations

from datetime import timedelta

import pytest

from callbacks.flow.options import FLOW_OPTIONS
from callbacks.models import Callback
from services.readiness import Readiness
from telephony.access import UnknownGroup
from telephony.models import Leg
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_cannot_run_ends_with_its_reason() -> None:
    world = World(_media_type="chat")
    assert any(problem.startswith("cannot work: ") for problem in world.service.problems)
    callback = world.start()
    assert (callback.state, callback.reason) == ("COMPLETED", "FAIL_IXN_UNKNOWN_MEDIA_TYPE")
    assert callback.journal.latest("pk").text == "Media type 'chat' is not voice."
    assert not Leg.objects.exists()


def test_a_service_whose_customers_call_takes_no_request_without_numbers_to_call() -> None:
    world = World(_call_direction="USERORIGINATED")
    problem = "cannot work: _resource_group: GMS_Resources has no section DNIS with access numbers."
    assert Readiness().problems(world.service) == [problem]
    with pytest.raises(UnknownGroup, match="GMS_Resources has no section DNIS with access numbers"):
        world.start()
    assert not Callback.objects.exists()


def test_a_request_for_a_chat_to_a_voice_service_ends_with_the_same_reason() -> None:
    callback = World().start(_media_type="chat")
    assert (callback.state, callback.reason) == ("COMPLETED", "FAIL_IXN_UNKNOWN_MEDIA_TYPE")


def test_nobody_is_called_before_the_least_time_in_the_queue() -> None:
    world = World(_min_queue_wait="60")
    world.ready()
    callback = world.start()
    assert (callback.state, callback.stage) == ("QUEUED", "held")
    joined = world.now()
    world.run(lambda: Leg.objects.exists())
    assert timedelta(seconds=58) < world.now() - joined < timedelta(seconds=75)


def test_a_callback_that_started_under_an_older_release_waits_no_more() -> None:
    """Its stored options do not know the least time in the queue."""
    World().start()
    stored = Callback.objects.get().options
    assert stored.pop("min_queue_wait") == 0
    assert FLOW_OPTIONS.validate_python(stored).min_queue_wait == 0
