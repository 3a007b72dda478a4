"""Telephony's parts of the configuration: switches, skills, route points, queues, places, agents and groups of both."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db.models import QuerySet

from services import documents
from services.configuration import schema
from services.documents import Document, Plan, Wanted, as_text, is_line
from telephony import numbers, uses
from telephony.elements import LONGEST_NAME, TEXT, Element, Named, OnSwitch, read_switch
from telephony.models import (
    Agent,
    AgentGroup,
    AgentSkill,
    Place,
    PlaceGroup,
    RoutePoint,
    Skill,
    Switch,
    VirtualQueue,
)

LONGEST_PASSWORD = 128
# The secret of a switch, and what a file says instead of it.
PASSWORD = "ari_password"  # noqa: S105 (a name) # nosec B105
PASSWORD_FILE = "ari_password_file"  # noqa: S105 (a name) # nosec B105
EWT_LIMIT = "ewt_limit"
# A day, in seconds.
LONGEST_EWT = VirtualQueue.LONGEST_EWT


class Switches(Named):
    name = "switches"
    noun = "switch"
    model = Switch
    columns: ClassVar[Mapping[str, int]] = {
        "kind": 16,
        "ari_url": 200,
        "ari_user": 64,
        "ari_app": 64,
        "detection_context": 64,
        "sound_prefix": 128,
    }
    needed = ("ari_url", "ari_user", "ari_app", "detection_context")

    def uses_of(self, row: Switch, names: uses.Naming) -> list[str]:
        return uses.of_switch(row) + [f"phone of place {place}" for place in Place.objects.filter(switch=row)]

    def secrets(self, row: Switch) -> dict[str, str]:
        return {PASSWORD: row.ari_password}

    def fields(self) -> Collection[str]:
        return (*self.columns, PASSWORD_FILE)

    def wanted(self, element: Element) -> Wanted:
        document = {
            column: element.text(column, longest, str(getattr(Switch(), column)))
            for column, longest in self.columns.items()
        }
        if document["kind"] not in Switch.Kind.values:
            element.refuse("kind", document["kind"], " or ".join(Switch.Kind.values))
            document["kind"] = Switch.Kind.SIMULATOR.value
        if document["ari_url"] and not _is_web_address(document["ari_url"]):
            element.refuse("ari_url", document["ari_url"], "an address such as http://127.0.0.1:8088")
        if document["kind"] == Switch.Kind.ASTERISK:
            for column in self.needed:
                if not document[column]:
                    element.refuse(column, "", "a text, which an Asterisk switch needs")
        return Wanted(document, self._password(element))

    def _password(self, element: Element) -> dict[str, str]:
        if PASSWORD_FILE not in element.given:
            return {}
        path = as_text(element.given[PASSWORD_FILE])
        try:
            password = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            element.refuse(PASSWORD_FILE, path, f"a file that can be read ({error})")
            return {}
        if not password or len(password) > LONGEST_PASSWORD or not is_line(password):
            element.refuse(
                PASSWORD_FILE, path, f"a file with a password of 1 to {LONGEST_PASSWORD} characters in one line"
            )
            return {}
        return {PASSWORD: password}

    @property
    def stored(self) -> list[str]:
        return [*self.columns, PASSWORD]

    def values(self, wanted: Wanted, named: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        return {**wanted.document, **wanted.secrets}

    def check(self, plan: Plan) -> None:
        without = Switch.objects.filter(  # nosec B106 # those without one
            name__in=list(plan.wanted[self.name]), kind=Switch.Kind.ASTERISK, ari_password=""
        )
        for switch in without:
            plan.warn(f"switches.{switch.name}", f"has no password yet: give {PASSWORD_FILE}, or set it in admin.")

    def schema(self) -> schema.Schema:
        properties: schema.Schema = dict.fromkeys(self.columns, TEXT)
        return schema.element(
            {
                **properties,
                "kind": {"enum": Switch.Kind.values},
                PASSWORD_FILE: {
                    "type": "string",
                    "description": "A file with the ARI password, read by configure. Left out: the stored one stays.",
                },
            }
        )


def _is_web_address(text: str) -> bool:
    try:
        URLValidator(schemes=["http", "https"])(text)
    except ValidationError:
        return False
    return True


class RoutePoints(OnSwitch):
    name = "route_points"
    noun = "route point"
    model = RoutePoint
    columns: ClassVar[Mapping[str, int]] = {"endpoint": 128}

    def uses_of(self, row: RoutePoint, names: uses.Naming) -> list[str]:
        return uses.of_route_point(row, names)

    def key(self, row: RoutePoint) -> str:
        return str(row)

    def element(self, name: str, document: Document) -> object:
        return {"name": name.rpartition("@")[0], **document}

    def name_of(self, element: object, place: str, plan: Plan) -> str | None:
        """NAME@SWITCH, from one text or from name and switch."""
        given = element if isinstance(element, Mapping) else {"name": element}
        text = documents.read_name(given.get("name"), place, plan, longest=2 * LONGEST_NAME + 1)
        if text is None:
            return None
        name, at, switch = text.rpartition("@")
        said = as_text(given.get("switch"))
        if at and said not in {"", switch}:
            plan.refuse(f"{place}.switch", said, f"{switch}, the one in the name, or none")
            return None
        name = name if at else text
        if not name or len(name) > LONGEST_NAME or "@" in name or "," in name:
            plan.refuse(place, text, f"NAME@SWITCH, with a name of 1 to {LONGEST_NAME} characters without @ and comma")
            return None
        found = read_switch(Element(name, place, {"switch": switch if at else said}, None, plan))
        return f"{name}@{found}" if found else None

    def new(self, name: str) -> RoutePoint:
        return RoutePoint(name=name.rpartition("@")[0])

    def wanted(self, element: Element) -> Wanted:
        endpoint = element.text("endpoint", self.columns["endpoint"], "{number}")
        if not takes_number(endpoint):
            element.refuse("endpoint", endpoint, "a text with {number}, such as PJSIP/{number}@trunk")
        return Wanted({"switch": element.name.rpartition("@")[2], "endpoint": endpoint})


def takes_number(endpoint: str) -> bool:
    """True if the customer's number is filled in for {number}, and nothing else is asked for."""
    try:
        return endpoint.format(number="1") != endpoint.format(number="2")
    except (ValueError, LookupError, AttributeError):
        return False


class Skills(Named):
    name = "skills"
    noun = "skill"
    model = Skill

    def obstacles(self, plan: Plan) -> Iterator[tuple[str, str]]:
        for held in AgentSkill.objects.filter(skill__name__in=plan.removed[self.name]).select_related("agent", "skill"):
            yield held.skill.name, f"agent {held.agent}"
        yield from super().obstacles(plan)

    def uses_of(self, row: Skill, names: uses.Naming) -> list[str]:
        return uses.of_skill(row, names)


class VirtualQueues(Named):
    name = "virtual_queues"
    noun = "virtual queue"
    model = VirtualQueue

    @property
    def stored(self) -> list[str]:
        return [EWT_LIMIT]

    def document(self, row: VirtualQueue) -> Document:
        # A queue without a limit is its name alone, as most are.
        return {} if row.ewt_limit is None else {EWT_LIMIT: row.ewt_limit}

    def fields(self) -> Collection[str]:
        return (EWT_LIMIT,)

    def wanted(self, element: Element) -> Wanted:
        before = element.before or {}
        given = element.given.get(EWT_LIMIT, before.get(EWT_LIMIT))
        text = as_text(given)
        if not text:
            return Wanted({})
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LONGEST_EWT):
            element.refuse(EWT_LIMIT, text, f"whole seconds from 1 to {LONGEST_EWT}, or nothing for no alarm")
            return Wanted(before)
        return Wanted({EWT_LIMIT: int(text)})

    def values(self, wanted: Wanted, named: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        return {EWT_LIMIT: wanted.document.get(EWT_LIMIT)}

    def schema(self) -> schema.Schema:
        return schema.element({EWT_LIMIT: {"type": ["integer", "null"], "minimum": 1, "maximum": LONGEST_EWT}})

    def uses_of(self, row: VirtualQueue, names: uses.Naming) -> list[str]:
        return uses.of_queue(row, names)


class Places(OnSwitch):
    name = "places"
    noun = "place"
    model = Place
    columns: ClassVar[Mapping[str, int]] = {"phone": 128}

    def uses_of(self, row: Place, names: uses.Naming) -> list[str]:
        return uses.of_place(row, names)

    def wanted(self, element: Element) -> Wanted | None:
        switch = read_switch(element)
        return Wanted({"switch": switch, "phone": self.phone(element, switch)}) if switch else None


class Agents(OnSwitch):
    name = "agents"
    noun = "agent"
    model = Agent
    columns: ClassVar[Mapping[str, int]] = {"phone": 128, "number": 64, "place": LONGEST_NAME, "user": 150}

    def uses_of(self, row: Agent, names: uses.Naming) -> list[str]:
        return uses.of_agent(row, names)

    def rows(self) -> QuerySet[Any]:
        return super().rows().select_related("user", "place").prefetch_related("skills__skill")

    def fields(self) -> Collection[str]:
        return (*super().fields(), "skills")

    def document(self, row: Agent) -> Document:
        levels = {held.skill.name: held.level for held in row.skills.all()}
        return {
            "switch": row.switch.name,
            "phone": row.sip_address,
            "number": row.number,
            "place": row.place.name if row.place else "",
            "user": row.user.get_username() if row.user else "",
            "skills": dict(sorted(levels.items())),
        }

    def wanted(self, element: Element) -> Wanted | None:
        switch = read_switch(element)
        if switch is None:
            return None
        return Wanted(
            {
                "switch": switch,
                "phone": self.phone(element, switch),
                "number": self._number(element),
                "place": self._place(element),
                "user": self._user(element),
                "skills": self._skills(element),
            }
        )

    def _number(self, element: Element) -> str:
        text = element.text("number", self.columns["number"])
        if not (number := numbers.normalised(text)) and text:
            element.refuse("number", text, "a telephone number of 1 to 31 digits")
        return number

    def _place(self, element: Element) -> str:
        place, known = element.text("place", self.columns["place"]), element.plan.names("places")
        if not place or place in known:
            return place
        if "place" in element.given:
            element.refuse("place", place, f"the name of a place: {_some(known)}")
        # Else it goes, with who sat there.
        return ""

    def _user(self, element: Element) -> str:
        user = element.text("user", self.columns["user"])
        if user and not User.objects.filter(username=user).exists():
            element.refuse("user", user, "the name of a login, which is made in admin or by createsuperuser")
            return ""
        return user

    def _skills(self, element: Element) -> dict[str, int]:
        before, levels = element.before, element.given.get("skills")
        if "skills" not in element.given:
            return dict(before["skills"]) if before else {}
        if not isinstance(levels, Mapping | None):
            element.refuse("skills", levels, 'a mapping from skill to level, such as {"English": 20}')
            return {}
        known, skills = element.plan.names("skills"), {}
        for skill, given in sorted((levels or {}).items()):
            level = as_text(given)
            if skill not in known:
                element.refuse("skills", skill, f"the name of a skill: {_some(known)}")
            elif not (level.isascii() and level.isdigit() and int(level) <= AgentSkill.MOST):
                element.refuse(f"skills.{skill}", level, f"a whole number from 0 to {AgentSkill.MOST}")
            else:
                skills[skill] = int(level)
        return skills

    @property
    def stored(self) -> list[str]:
        return ["switch", "sip_address", "number", "place", "user"]

    def named(self) -> Mapping[str, Mapping[str, Any]]:
        return {
            **super().named(),
            "places": {place.name: place for place in Place.objects.all()},
            "users": {user.get_username(): user for user in User.objects.all()},
        }

    def values(self, wanted: Wanted, named: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        document = wanted.document
        return {
            "switch": named["switches"][document["switch"]],
            "sip_address": document["phone"],
            "number": document["number"],
            "place": named["places"][document["place"]] if document["place"] else None,
            "user": named["users"][document["user"]] if document["user"] else None,
        }

    def write(self, plan: Plan) -> None:
        changed = plan.changed(self.name)
        moving = {wanted.document["user"] for wanted in changed.values()} - {""}
        # A login works as one agent: it is taken from whoever gives it up, or goes, before another gets it.
        giving_up = Agent.objects.filter(user__username__in=moving)
        giving_up.filter(name__in=[*changed, *plan.removed[self.name]]).update(user=None)
        taken = set(Agent.objects.filter(user__username__in=moving).values_list("user__username", flat=True))
        for name, wanted in changed.items():
            user = wanted.document["user"]
            if user and user in taken:
                plan.refuse(f"agents.{name}.user", user, "a login that no other agent has")
                wanted.document["user"] = ""
            taken.add(user)
        self._let_sit(plan, changed)
        super().write(plan)

    def _let_sit(self, plan: Plan, changed: Mapping[str, Wanted]) -> None:
        """One agent who is logged in a place: nobody is put where another one works, nor two in one place."""
        at_work = Agent.objects.exclude(state=Agent.State.LOGGED_OUT)
        working = set(at_work.filter(name__in=list(changed)).values_list("name", flat=True))
        taken = set(at_work.exclude(name__in=working).filter(place__isnull=False).values_list("place__name", flat=True))
        for name in sorted(working):
            place = changed[name].document["place"]
            if place and place in taken:
                plan.refuse(f"agents.{name}.place", place, "a place at which nobody else works now")
                changed[name].document["place"] = ""
            taken.add(place)
        # So that two may change places: they are written one after the other.
        Agent.objects.filter(name__in=working).update(place=None)

    def write_more(self, rows: Mapping[str, Any], changed: Mapping[str, Wanted]) -> None:
        AgentSkill.objects.filter(agent__in=list(rows.values())).delete()
        skills = {skill.name: skill for skill in Skill.objects.all()}
        AgentSkill.objects.bulk_create(
            [
                AgentSkill(agent=rows[name], skill=skills[skill], level=level)
                for name, wanted in changed.items()
                for skill, level in wanted.document["skills"].items()
            ]
        )

    def schema(self) -> schema.Schema:
        level = {"type": ["integer", "string"], "minimum": 0, "maximum": AgentSkill.MOST}
        return schema.element(
            {
                "switch": TEXT,
                "phone": TEXT,
                "number": TEXT,
                "place": TEXT,
                "user": TEXT,
                "skills": {"type": ["object", "null"], "additionalProperties": level},
            }
        )


class Groups(Named):
    """Groups of things of another part. `members` names that part, the key in a file and the relation alike."""

    members: ClassVar[str]

    def rows(self) -> QuerySet[Any]:
        return super().rows().prefetch_related(self.members)

    def fields(self) -> Collection[str]:
        return (self.members,)

    def document(self, row: Any) -> Document:
        return {self.members: sorted(member.name for member in getattr(row, self.members).all())}

    def wanted(self, element: Element) -> Wanted:
        before, given, members = element.before, element.given.get(self.members), self.members
        if members not in element.given:
            # Those that go are no longer in it.
            going = element.plan.removed[members]
            return Wanted({members: [name for name in before[members] if name not in going] if before else []})
        noun = documents.part(members).noun
        if not isinstance(given, list | None):
            element.refuse(members, given, f"a list of the names of {noun}s")
            return Wanted({members: []})
        known = element.plan.names(members)
        names = {as_text(name) for name in given or []}
        for unknown in sorted(names - set(known)):
            element.refuse(members, unknown, f"the name of {'an' if noun == 'agent' else 'a'} {noun}: {_some(known)}")
        return Wanted({members: sorted(names & set(known))})

    def write_more(self, rows: Mapping[str, Any], changed: Mapping[str, Wanted]) -> None:
        keys = dict(documents.part(self.members).model._default_manager.values_list("name", "pk"))
        for name, group in rows.items():
            getattr(group, self.members).set([keys[member] for member in changed[name].document[self.members]])

    def schema(self) -> schema.Schema:
        return schema.element({self.members: {"type": ["array", "null"], "items": schema.NAME}})


class PlaceGroups(Groups):
    name = "place_groups"
    noun = "place group"
    model = PlaceGroup
    members = "places"

    def uses_of(self, row: PlaceGroup, names: uses.Naming) -> list[str]:
        return uses.of_place_group(row, names)


class AgentGroups(Groups):
    name = "agent_groups"
    noun = "agent group"
    model = AgentGroup
    members = "agents"

    def uses_of(self, row: AgentGroup, names: uses.Naming) -> list[str]:
        return uses.of_group(row, names)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more or "there is none yet"


PARTS = (Switches(), Skills(), RoutePoints(), VirtualQueues(), Places(), PlaceGroups(), Agents(), AgentGroups())


def register() -> None:
    documents.register(*PARTS)
