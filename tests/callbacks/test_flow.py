"""Callbacks from the request to their end, on the simulator, every process of the service in one thread."""

from __future__ import annotations

import pytest

from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fast(settings: pytest.FixtureRequest) -> None:
    settings.SIMULATOR_SPEED = 200.0  # type: ignore[attr-defined]


def test_a_human_is_joined_to_an_agent() -> None:
    world = World()
    world.ready()
    callback = world.finish(world.start())
    assert (callback.state, callback.reason) == ("COMPLETED", "AGENT_CONNECTED"), world.story()
    print(world.story())
