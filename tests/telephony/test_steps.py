"""How a list of targets goes on by itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony import steps
from telephony.steps import Progress, Span, spans
from telephony.targets import Condition, Step, Target, TargetPlan, parse

NAMES = ("Gold", "Silver", "Bronze", "Iron")


def plan(*elements: dict[str, Any]) -> TargetPlan:
    """A list over groups of these names, each for ten seconds and replaced by the next unless it says otherwise."""
    return TargetPlan(
        tuple(
            Step(Target("GA", element.pop("name", name)), **{"timeout": 10, "clear": True, **element})
            for name, element in zip(NAMES, elements, strict=False)
        )
    )


def keys(*names: str) -> tuple[str, ...]:
    return tuple(f"GA:{name}" for name in names)


FEW = Condition("RStatAgentsReady", "<", 1)


def test_a_single_target_is_looked_for_without_end() -> None:
    assert spans(parse("Billing@StatServer.GA")) == [Span(0, 0, None, keys("Billing"))]


def test_each_is_looked_for_until_its_time_is_over_and_the_last_without_end() -> None:
    assert spans(plan({"timeout": 15}, {}, {})) == [
        Span(0, 0, 15, keys("Gold")),
        Span(1, 15, 25, keys("Silver")),
        Span(2, 25, None, keys("Bronze")),
    ]


def test_what_does_not_clear_is_looked_for_beside_the_next() -> None:
    assert [span.keys for span in spans(plan({"clear": False}, {"clear": True}, {"clear": False}, {}))] == [
        keys("Gold"),
        keys("Gold", "Silver"),
        keys("Bronze"),
        keys("Bronze", "Iron"),
    ]


def test_the_same_target_twice_is_looked_for_once() -> None:
    assert [span.keys for span in spans(plan({"clear": False}, {"name": "Gold"}))] == [keys("Gold"), keys("Gold")]


def with_ready(**ready: int) -> steps.Statistic:
    return lambda target, name: ready[target.name] if name == "RStatAgentsReady" else 99


def test_an_element_is_skipped_when_its_condition_is_true_and_the_next_takes_its_time() -> None:
    known = plan({"condition": FEW}, {"condition": FEW}, {})
    assert spans(known, with_ready(Gold=0, Silver=1)) == [
        Span(1, 0, 10, keys("Silver")),
        Span(2, 10, None, keys("Bronze")),
    ]


def test_the_last_is_not_skipped() -> None:
    known = plan({"condition": FEW}, {"condition": FEW})
    assert spans(known, with_ready(Gold=0, Silver=0)) == [Span(1, 0, None, keys("Silver"))]


def test_what_is_left_decides_whether_it_stays_not_what_is_skipped() -> None:
    known = plan({"clear": False}, {"condition": FEW, "clear": True}, {})
    assert [span.keys for span in spans(known, with_ready(Silver=0))] == [keys("Gold"), keys("Gold", "Bronze")]


@pytest.mark.parametrize(("operator", "value", "skipped"), [("<", 0, True), ("<", 1, False), (">", 2, True)])
def test_below_and_above(operator: Any, value: int, skipped: bool) -> None:
    known = plan({"condition": Condition("RStatAgentsReady", operator, 1)}, {})
    assert (steps.begin(known, with_ready(Gold=value)).step == 1) is skipped


def test_a_supervisor_is_told_what_was_skipped_and_why() -> None:
    known = parse(
        "[{'target': 'Gold@S.GA', 'timeout': '5', 'stat_to_check': 'RStatAgentsReady', 'stat_operator': '<',"
        " 'stat_value': '1'}, {'target': '?:English>2@S.GA', 'timeout': '5', 'clear': 'false'},"
        " {'target': 'Iron@S.GA', 'timeout': '5'}]"
    )
    after = steps.catch_up(known, steps.begin(known, with_ready(Gold=0)), 5, None)
    assert steps.told(known, after) == (
        "?:English>2@S.GA, Iron@S.GA",
        "Gold@S.GA was skipped: RStatAgentsReady < 1, it is 0",
    )


def test_what_has_no_end_is_not_followed() -> None:
    single = parse("Billing@StatServer.GA")
    with pytest.raises(ValueError, match="no end"):
        steps.follow(single, steps.begin(single, None), None)


ELEMENTS = st.fixed_dictionaries(
    {
        "timeout": st.integers(1, 4),
        "clear": st.booleans(),
        "condition": st.sampled_from([None, FEW, Condition("RStatAgentsReady", ">", 1)]),
    }
)


def second_by_second(known: TargetPlan, ready: dict[str, int], seconds: int) -> list[tuple[int, tuple[str, ...]]]:
    """What the words of the rule say, one second after the other."""

    def next_from(number: int) -> int:
        while number < len(known.steps) - 1:
            condition = known.steps[number].condition
            value = ready[known.steps[number].target.name]
            if condition is None or not (value < 1 if condition.operator == "<" else value > 1):
                break
            number += 1
        return number

    step, found = next_from(0), []
    looked_for, left = [known.steps[step].target.key], known.steps[step].timeout
    for _ in range(seconds):
        if left == 0 and step < len(known.steps) - 1:
            after = next_from(step + 1)
            if known.steps[step].clear:
                looked_for = []
            step, left = after, known.steps[after].timeout
            looked_for += [key for key in [known.steps[step].target.key] if key not in looked_for]
        found.append((step, tuple(looked_for)))
        left = None if left is None else left - 1
    return found


@given(
    st.lists(ELEMENTS, min_size=1, max_size=4),
    st.fixed_dictionaries({name: st.integers(0, 2) for name in NAMES}),
    st.integers(0, 20),
)
def test_it_is_the_rule_second_by_second(elements: list[dict[str, Any]], ready: dict[str, int], late: int) -> None:
    known, statistic = plan(*elements), with_ready(**ready)
    expected = second_by_second(known, ready, 20)
    drawn = [
        next((span.step, span.keys) for span in spans(known, statistic) if span.ends is None or second < span.ends)
        for second in range(20)
    ]
    assert drawn == expected
    progress = steps.begin(known, statistic)
    for second in range(20):
        progress = steps.catch_up(known, progress, second, statistic)
        assert (progress.step, progress.keys) == expected[second]
    # However late it is looked at, and with what a row of the database keeps of it.
    begun = steps.begin(known, statistic)
    kept = Progress(begun.step, begun.keys, begun.until)
    assert steps.catch_up(known, kept, late, statistic).keys == second_by_second(known, ready, late + 1)[late][1]
