"""The choice between route points, in every state that they can be in."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import timedelta

import pytest

from telephony import routes
from telephony.routes import Candidate
from tests.factories import NOON


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("8999@A", ("8999@A",)),
        (" 8999@B ,8999@A", ("8999@B", "8999@A")),
        ("8999@A,,8999@A,", ("8999@A",)),
        ("trunk one@A,8999@B", ("trunk one@A", "8999@B")),
    ],
)
def test_a_text_names_route_points_with_commas_between(text: str, names: tuple[str, ...]) -> None:
    assert routes.split(text) == names


STATES = list(itertools.product([True, False], [None, -5, 5, 30], [0, 1, 7]))


@pytest.mark.parametrize("first", STATES, ids=str)
def test_a_live_free_and_idle_switch_comes_first(first: tuple[bool, int | None, int]) -> None:
    """Every state of three candidates: live before dead, free before resting, few legs before many."""
    for others in itertools.product(STATES, repeat=2):
        candidates = [
            Candidate(name, number, live, legs, None if rests is None else NOON + timedelta(seconds=rests))
            for number, (name, (live, rests, legs)) in enumerate(zip("ABC", (first, *others), strict=True))
        ]
        chosen = routes.choose(candidates, seed="cb-1", now=NOON)
        assert chosen is not None
        if live := [each for each in candidates if each.live]:
            assert chosen.live
            soonest = min(each.free_at(NOON) for each in live)
            assert chosen.free_at(NOON) == soonest == routes.free_at(candidates, now=NOON)
        else:
            assert routes.free_at(candidates, now=NOON) is None
        equals = [e for e in candidates if (e.live, e.free_at(NOON)) == (chosen.live, chosen.free_at(NOON))]
        assert chosen.legs == min(each.legs for each in equals)


def test_equals_share_the_legs_evenly_and_a_leg_is_always_given_the_same() -> None:
    three = [Candidate(name, number, live=True, legs=2) for number, name in enumerate("ABC")]
    chosen = {f"cb-{number}": routes.choose(three, seed=f"cb-{number}", now=NOON) for number in range(300)}
    shares = Counter(each.name for each in chosen.values() if each)
    assert sorted(shares) == ["A", "B", "C"]
    assert min(shares.values()) >= 80
    assert all(routes.choose(three[::-1], seed=seed, now=NOON) == each for seed, each in chosen.items())


def test_a_leg_that_is_bound_to_a_switch_goes_nowhere_else() -> None:
    a, b = Candidate("8999@A", 1, live=False, legs=9), Candidate("8999@B", 2, live=True, legs=0)
    assert routes.choose(routes.on(None, [a, b]), seed="", now=NOON) == b
    assert routes.choose(routes.on(1, [a, b]), seed="", now=NOON) == a
    assert routes.choose(routes.on(3, [a, b]), seed="", now=NOON) is None
