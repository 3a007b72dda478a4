"""Routing targets: what is read, whom it means, and what an admin or a client is told who writes one wrongly."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from operator import eq, ge, gt, le, lt, ne
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.kinds import BadValue
from telephony import statnames
from telephony.targets import (
    LONGEST_PLAN,
    LONGEST_TARGET,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Expression,
    Profile,
    Step,
    Target,
    parse,
    target_of,
)
from tests.telephony import people

KATE = Profile(
    name="kate",
    place="Desk1",
    groups=frozenset({"Billing", "Renewals"}),
    place_groups=frozenset({"Floor2"}),
    skills={"English": 20, "Loans": 2},
)


def single(text: str) -> Target:
    [step] = parse(text).steps
    assert (step.timeout, step.clear, step.condition) == (None, True, None)
    return step.target


def refusal(text: str) -> str:
    with pytest.raises(BadValue) as refused:
        parse(text)
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("kate@StatServer.A", "A:kate"),
        ("Desk1@StatServer.AP", "AP:Desk1"),
        ("Billing@StatServer.GA", "GA:Billing"),
        ("Floor2@StatServer.GP", "GP:Floor2"),
        ("Renewals@StatServer.GC", "GC:Renewals"),
        # Clients leave the server out, or give it a name with a dot.
        ("Billing@.GA", "GA:Billing"),
        ("Billing@stat.example.org.GA", "GA:Billing"),
        ("  Customer Service@Stat_Server.GA ", "GA:Customer Service"),
        ("O'Hara & Söhne@Stat_Server.GA", "GA:O'Hara & Söhne"),
        # The seed document, on `_target`, as it is printed.
        ("?:English=20&;Loans=2@StatServer.GA", "?:English=20&Loans=2"),
        ("?:English=20&amp;Loans=2@StatServer.GA", "?:English=20&Loans=2"),
        ("?:English=20&Loans=2", "?:English=20&Loans=2"),
        # The name of the virtual group changes nothing.
        ("?Lenders:English=20&Loans=2@StatServer.GA", "?:English=20&Loans=2"),
        ("? The lenders : English = 20 & Loans = 2 @ StatServer.GA", "?:English=20&Loans=2"),
        # What older clients write.
        ("English=20&Loans=2@StatServer.??", "?:English=20&Loans=2"),
        ("Customer_Service>0", "?:Customer_Service>0"),
        ('?:Car loans>=3 | \'my "own"\'!=1|"it\'s"<2@.GA', '?:Car loans>=3|\'my "own"\'!=1|"it\'s"<2'),
        ("?:((a=1|(b>2))&(c<3&d<=4))", "?:(a=1|b>2)&c<3&d<=4"),
        ("?:a=1|(b=2|c=3&d=4)", "?:a=1|b=2|c=3&d=4"),
        ('?:"a@b.c"=1@StatServer.GA', '?:"a@b.c"=1'),
    ],
)
def test_the_ways_to_write_one_target(text: str, key: str) -> None:
    target = single(text)
    assert target.key == key
    assert str(target) == text.strip()
    assert target_of(key) == single(key) if key.startswith("?:") else target_of(key) == target


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("kate@.A", True),
        ("Kate@.A", False),
        ("tom@.A", False),
        ("Desk1@.AP", True),
        ("Desk2@.AP", False),
        ("Billing@.GA", True),
        ("Loans@.GA", False),
        ("Floor2@.GP", True),
        ("Desk1@.GP", False),
        # There are no campaigns here: its group of agents is meant.
        ("Renewals@.GC", True),
        ("?:English=20&Loans=2", True),
        ("?:English>20|Loans>=2", True),
        ("?:English<20|Loans!=2", False),
        # Who does not have a skill has it at level 0.
        ("?:French=0", True),
        ("?:French<1&English>19", True),
        ("?:French!=0", False),
        ("?:French>0", False),
        # And before or.
        ("?:English=20|Loans=9&French=9", True),
        ("?:(English=20|Loans=9)&French=9", False),
    ],
)
def test_whom_a_target_means(text: str, matches: bool) -> None:
    assert single(text).matches(KATE) is matches


@given(people.expressions)
def test_a_canonical_text_reads_as_what_it_was_made_of(expression: Expression) -> None:
    read = single(f"?:{expression}@StatServer.GA")
    assert read.expression == expression
    assert read.key == f"?:{expression}"
    assert target_of(read.key) == Target("GA", "", expression)


def brute(expression: Expression, skills: Mapping[str, int]) -> bool:
    """The same again, by Python's own operators on the printed text."""
    match expression:
        case Comparison(skill, sign, level):
            compare = {"=": eq, "!=": ne, "<": lt, ">": gt, "<=": le, ">=": ge}[sign]
            return bool(compare({**dict.fromkeys(people.SKILLS, 0), **skills}[skill], level))
        case AllOf(parts):
            return not [part for part in parts if not brute(part, skills)]
        case AnyOf(parts):
            return bool([part for part in parts if brute(part, skills)])


@given(people.expressions, people.profiles("kate"))
def test_an_expression_holds_as_arithmetic_says(expression: Expression, profile: Profile) -> None:
    target = Target("GA", "", expression)
    assert target.matches(profile) is brute(expression, profile.skills)
    assert target.skills() <= set(people.SKILLS)


@given(st.text(alphabet="aB1 ?:=!<>&|()\"'@.GA;,-_\n\\{}[]") | st.text())
@example("?:" + "(" * 200 + "a=1" + ")" * 200)
@example("[" * 5000)
@example("?:" + "a=1&(b=1|(" * 45)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        plan = parse(text)
    except BadValue:
        return
    for step in plan.steps:
        assert target_of(step.target.key).key == step.target.key


# Refusals


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("?:English=20&Loans@StatServer.GA", "allowed is one of = != < > <= >= at column 19"),
        (
            "?:English=20&@StatServer.GA",
            "nothing was given, allowed is the name of a skill or ( at column 14",
        ),
        ("?:English=twenty", "'twenty' was given, allowed is a whole number of at most 9 digits at column 11"),
        ("?:English=1.5", "'1.5' was given, allowed is a whole number of at most 9 digits at column 11"),
        ("?:English==1", "'=1' was given, allowed is a whole number of at most 9 digits at column 11"),
        ("?Lenders:(English=1", "nothing was given, allowed is ) at column 20"),
        ("?:English=1)", "')' was given, allowed is nothing at column 12"),
        ("?:English=1 Loans=2", "'Loans=2' was given, allowed is & or | or nothing more at column 13"),
        ("?:English=1§", "'§' was given"),
        ("?:", "allowed is the name of a skill or ( at column 3"),
        ("?:English=1@StatServer.A", "'@StatServer.A' was given, allowed is @STATSERVER.GA after a skill expression"),
        ("?:" + "&".join(["a=1"] * 51), "at most 50 comparisons in one expression"),
        ("?:" + "(a=1|b=1&" * 11 + "c=1" + ")" * 11, "at most 10 levels of & and | within each other"),
        ("x" * LONGEST_TARGET + "@.A", f"at most {LONGEST_TARGET} characters for one target"),
        ("Billing", "allowed is NAME@STATSERVER.TYPE with a type of A (agent)"),
        ("Billing@StatServer", "allowed is NAME@STATSERVER.TYPE"),
        ("Billing@StatServer.Q", "allowed is NAME@STATSERVER.TYPE"),
        ("@StatServer.GA", "allowed is NAME@STATSERVER.TYPE"),
        ("a@b@StatServer.GA", "allowed is NAME@STATSERVER.TYPE"),
        ("Bill\ning@StatServer.GA", "a target without line breaks and control characters"),
        ("", "nothing was given, allowed is NAME@STATSERVER.TYPE"),
    ],
)
def test_what_is_said_of_a_wrong_target(text: str, said: str) -> None:
    assert said in refusal(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "a list of 1 to 15 targets, here are 0"),
        (json.dumps([{"target": "kate@.A", "timeout": 1}] * 16), "a list of 1 to 15 targets, here are 16"),
        ('[{"target":"kate@.A"},{"target":"tom@.A"}]', "seconds from 1 to 604800 (element 1, timeout)"),
        ('[{"target":"kate@.A","timeout":0}]', "'0' was given, allowed is a whole number of seconds from 1 to 604800"),
        ('[{"target":"kate@.A","timeout":"soon"}]', "'soon' was given"),
        ('[{"target":"kate@.A","timeout":5,"clear":"perhaps"}]', "true (the next target replaces this one) or false"),
        (
            '[{"target":"kate@.A","timeout":5},{"target":"tom"}]',
            "such as ?:English>=20&Loans>2@StatServer.GA (element 2, target)",
        ),
        ('[{"timeout":5}]', "nothing was given"),
        ('[{"target":"?:English>@.GA"}]', "at column 11 (element 1, target)"),
        ('[{"target":"kate@.A","timeOut":5}]', "one of target, timeout, clear, stat_to_check"),
        ('[{"target":"kate@.A" "timeout":5}]', """'"timeout":5}]' was given, allowed is a comma or } at column 22"""),
        ('[{"target":["kate@.A"]}]', "a text in quotes or a number or true, false or null at column 12"),
        ('["kate@.A"]', "allowed is ] or { at column 2"),
        ('[\n {"target":"kate@.A",}]', "a text in quotes at line 2, column 22"),
        ('[{"target":"\\ud800@.A"}]', "a target without line breaks and control characters (element 1, target)"),
        ('[{"target":"\\u0000@.A"}]', "a target without line breaks and control characters (element 1, target)"),
        ("[" + " " * LONGEST_PLAN + "]x", f"at most {LONGEST_PLAN} characters"),
    ],
)
def test_what_is_said_of_a_wrong_list(text: str, said: str) -> None:
    assert said in refusal(text)


@pytest.mark.parametrize(
    ("target", "statistic", "sign", "value", "said"),
    [
        (
            "kate@.A",
            "StatCallsInQueue",
            "<",
            "1",
            "one of RStatAgentsReadyvoice, RStatAgentsReady, RStatAgentsTotal (ele",
        ),
        (
            "?:a=1",
            "StatCallsInQueue",
            "<",
            "1",
            "one of RStatAgentsReadyvoice, RStatAgentsReady, RStatAgentsTotal (ele",
        ),
        ("Billing@.GA", "StatFree", "<", "1", "StatTimeInReadyState (element 1, stat_to_check)"),
        ("Billing@.GA", "", "<", "1", "nothing was given"),
        ("Billing@.GA", "StatCallsInQueue", "=", "1", "'=' was given, allowed is < or > (element 1, stat_operator)"),
        (
            "Billing@.GA",
            "StatCallsInQueue",
            ">",
            "many",
            "'many' was given, allowed is a number (element 1, stat_value)",
        ),
    ],
)
def test_what_is_said_of_a_wrong_condition(target: str, statistic: str, sign: str, value: str, said: str) -> None:
    step = {"target": target, "stat_to_check": statistic, "stat_operator": sign, "stat_value": value}
    assert said in refusal(json.dumps([step]))


# Lists


def test_a_list_as_the_vendor_writes_it() -> None:
    """wire.md: single quotes, the timeout a text, clear a word."""
    plan = parse("[{'target':'Customer_Service@Stat_Server.GA','timeout':'15','clear':true}]")
    assert plan.steps == (Step(Target("GA", "Customer_Service"), 15),)
    assert plan.total_seconds == 15


@pytest.mark.parametrize("clear", ["false", '"false"', "'False'", "False", '"FALSE"'])
@pytest.mark.parametrize("timeout", ["15", '"15"', "'15'", '" 15 "'])
def test_the_ways_to_write_numbers_and_booleans(clear: str, timeout: str) -> None:
    [step] = parse(f"[ {{ 'target' : 'kate@.A' , \"timeout\":{timeout},\n'clear':{clear} }} ]").steps
    assert (step.timeout, step.clear) == (15, False)


def test_quotes_within_quotes() -> None:
    plan = parse(
        r"""[{'target':'O\'Hara@.A','timeout':1},{"target":"?:\"Car loans\">1","timeout":1},"""
        r"""{'target':'?:"a\u0027b">1'}]"""
    )
    assert [step.target.key for step in plan.steps] == ["A:O'Hara", "?:Car loans>1", '?:"a\'b">1']


@pytest.mark.parametrize("written", ['""', "null", "None"])
def test_what_is_empty_counts_as_left_out(written: str) -> None:
    fields = ("timeout", "clear", "stat_to_check", "stat_operator", "stat_value")
    [step] = parse('[{"target":"kate@.A",' + ",".join(f'"{name}":{written}' for name in fields) + "}]").steps
    assert step == Step(Target("A", "kate"))


def test_how_long_a_list_lasts() -> None:
    kate, tom = '{"target":"kate@.A","timeout":20}', '{"target":"tom@.A","timeout":"10"}'
    assert parse(f"[{kate},{tom}]").total_seconds == 30
    assert parse(f'[{kate},{{"target":"tom@.A"}}]').total_seconds is None
    assert parse("kate@.A").total_seconds is None


@pytest.mark.parametrize("statistic", [*statnames.OF_ANY_TARGET, *statnames.OF_GROUPS])
@pytest.mark.parametrize("target", ["Billing@.GA", "Floor2@.GP", "Renewals@.GC"])
def test_a_group_may_be_asked_for_every_statistic(target: str, statistic: str) -> None:
    step = {"target": target, "stat_to_check": statistic, "stat_operator": "<", "stat_value": "1"}
    assert parse(json.dumps([step])).steps[0].condition == Condition(statistic, "<", 1.0)


def test_when_a_condition_holds() -> None:
    step = {"target": "?:a=1", "stat_to_check": "RStatAgentsReady", "stat_operator": ">", "stat_value": 2.5}
    condition = parse(json.dumps([step])).steps[0].condition
    assert condition == Condition("RStatAgentsReady", ">", 2.5)
    assert (condition.holds(2.5), condition.holds(3)) == (False, True)
    assert str(condition) == "RStatAgentsReady > 2.5"


def test_the_longest_list_is_read_quickly() -> None:
    """A request is checked while its client waits; the figure leaves room for a slow machine."""
    expression = "?:" + "|".join(f"skill {number}>={number}" for number in range(30))
    text = json.dumps([{"target": expression, "timeout": 5, "clear": False}] * 15)
    parse.cache_clear()
    began = time.perf_counter()
    assert len(parse(text).steps) == 15
    assert time.perf_counter() - began < 5


def test_what_the_documentation_shows_can_be_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "targets.md").read_text()
    [example] = re.findall(r"```\n(\[.*?\])\n```", page, re.DOTALL)
    plan = parse(example)
    assert [step.target.key for step in plan.steps] == ["A:kate", "GA:Billing", "?:Billing>0"]
    assert [step.clear for step in plan.steps] == [False, True, True]
    for text in ("Billing@.GA", "?:English>=20&Loans>2@StatServer.GA", "English=20&Loans=2@StatServer.??"):
        assert f"`{text}`" in page
        parse(text)


@pytest.mark.parametrize("key", ["", "Q:x", "A:", "kate", "?:", "?:a"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(BadValue):
        target_of(key)
