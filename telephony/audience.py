"""Which agents a target means: the rules of `telephony.targets.Target.matches`, asked of the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import JSONObject

from telephony.models import Agent, AgentGroup, AgentSkill, PlaceGroup
from telephony.targets import AllOf, AnyOf, Comparison, Expression, Profile, target_of

_LEVELS: Mapping[str, Callable[[int], Q]] = {
    "=": lambda level: Q(level=level),
    "!=": lambda level: ~Q(level=level),
    "<": lambda level: Q(level__lt=level),
    ">": lambda level: Q(level__gt=level),
    "<=": lambda level: Q(level__lte=level),
    ">=": lambda level: Q(level__gte=level),
}


def agents_of(keys: Collection[str]) -> Q:
    """The agents who match one of the targets of these keys. Raises BadValue for what is no key.

    Subqueries instead of joins: an agent in two of the groups is found once.
    """
    named: dict[str, list[str]] = {"A": [], "AP": [], "GA": [], "GP": [], "GC": []}
    found = Q(pk__in=[])
    for target in map(target_of, keys):
        if target.expression is None:
            named[target.type].append(target.name)
        else:
            found |= _having(target.expression)
    if named["A"]:
        found |= Q(name__in=named["A"])
    if named["AP"]:
        found |= Q(place__name__in=named["AP"])
    if groups := named["GA"] + named["GC"]:
        found |= Q(Exists(AgentGroup.objects.filter(agents=OuterRef("pk"), name__in=groups)))
    if named["GP"]:
        found |= Q(Exists(PlaceGroup.objects.filter(places=OuterRef("place"), name__in=named["GP"])))
    return found


def profiles(agents: QuerySet[Agent]) -> dict[int, Profile]:
    """What targets ask for of these agents, by their primary keys, in one statement."""
    rows = agents.values_list(
        "pk",
        "name",
        "place__name",
        ArraySubquery(AgentGroup.objects.filter(agents=OuterRef("pk")).values("name")),
        ArraySubquery(PlaceGroup.objects.filter(places=OuterRef("place")).values("name")),
        ArraySubquery(
            AgentSkill.objects.filter(agent=OuterRef("pk")).values(
                each=JSONObject(name=F("skill__name"), level="level")
            )
        ),
    )
    return {
        pk: Profile(
            name=name,
            place=place or "",
            groups=frozenset(groups),
            place_groups=frozenset(place_groups),
            skills={skill["name"]: skill["level"] for skill in skills},
        )
        for pk, name, place, groups, place_groups, skills in rows
    }


def profile_of(name: str) -> Profile | None:
    """What targets ask for of the agent of that name; None when there is none."""
    return next(iter(profiles(Agent.objects.filter(name=name)).values()), None)


def _having(expression: Expression) -> Q:
    match expression:
        case Comparison():
            return _compared(expression)
        case AllOf(parts):
            every = Q()
            for part in parts:
                every &= _having(part)
            return every
        case AnyOf(parts):
            some = Q(pk__in=[])
            for part in parts:
                some |= _having(part)
            return some


def _compared(comparison: Comparison) -> Q:
    """Who does not have the skill has it at level 0: where that will do, look for nobody whose level will not."""
    of_agent = AgentSkill.objects.filter(agent=OuterRef("pk"), skill__name=comparison.skill)
    fits = _LEVELS[comparison.operator](comparison.level)
    return ~Q(Exists(of_agent.exclude(fits))) if comparison.holds_at(0) else Q(Exists(of_agent.filter(fits)))
