"""Agents, targets and expressions as hypothesis makes them up: few names, so that they meet."""

from __future__ import annotations

from hypothesis import strategies as st

from telephony.targets import AllOf, AnyOf, Comparison, Expression, Profile, Target

AGENTS = ["kate", "tom", "O'Hara"]
PLACES = ["Desk1", "Desk 2"]
GROUPS = ["Billing", "Renewals"]
FLOORS = ["Floor1", "Floor2"]
SKILLS = ["English", "Car loans", 'the "big" ones', "2nd_level"]
LEVELS = [0, 1, 2, 1000]

comparisons = st.builds(
    Comparison,
    st.sampled_from(SKILLS),
    st.sampled_from(["=", "!=", "<", ">", "<=", ">="]),
    st.sampled_from([*LEVELS, 70_000, 999_999_999]),
)


def _joined(kind: type[AllOf] | type[AnyOf], parts: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """Several of them, none of which is of the same kind, as the parser makes them."""
    others = parts.filter(lambda part: not isinstance(part, kind))
    return st.lists(others, min_size=2, max_size=3).map(
        lambda found: kind(tuple(found), 1 + max(part.depth for part in found))
    )


expressions: st.SearchStrategy[Expression] = st.recursive(
    comparisons, lambda parts: _joined(AllOf, parts) | _joined(AnyOf, parts), max_leaves=6
)

targets: st.SearchStrategy[Target] = st.one_of(
    st.builds(Target, st.just("A"), st.sampled_from([*AGENTS, "nobody"])),
    st.builds(Target, st.just("AP"), st.sampled_from([*PLACES, "nowhere"])),
    st.builds(Target, st.sampled_from(["GA", "GC"]), st.sampled_from(GROUPS)),
    st.builds(Target, st.just("GP"), st.sampled_from(FLOORS)),
    expressions.map(lambda expression: Target("GA", "", expression)),
)


@st.composite
def profiles(draw: st.DrawFn, name: str) -> Profile:
    """An agent; on which floor a place is goes by its name, so that two agents there agree."""
    place = draw(st.sampled_from(["", *PLACES]))
    return Profile(
        name=name,
        place=place,
        groups=frozenset(draw(st.lists(st.sampled_from(GROUPS)))),
        place_groups=frozenset({"Desk1": ["Floor1"], "Desk 2": FLOORS}.get(place, [])),
        skills=draw(st.dictionaries(st.sampled_from(SKILLS), st.sampled_from(LEVELS))),
    )
