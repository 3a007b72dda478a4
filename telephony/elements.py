"""What telephony's parts of the configuration have in common: things with a unique name, some of them on a switch."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db.models import QuerySet

from services import documents
from services.configuration import schema
from services.configuration.parts import unknown_keys
from services.documents import Document, Part, Plan, Wanted, as_text, is_line
from telephony import uses
from telephony.models import Switch

LONGEST_NAME = 64
TEXT: schema.Schema = {"type": ["string", "null"]}


@dataclass(frozen=True)
class Element:
    """What a file says about one thing, and its document as it is; faults go to the plan."""

    name: str
    place: str
    given: Mapping[str, Any]
    before: Document | None
    plan: Plan

    def text(self, field: str, longest: int, default: str = "") -> str:
        """The text of a field: as given, else as it is, else the default."""
        if field not in self.given:
            return str(self.before[field]) if self.before else default
        text = as_text(self.given[field])
        if len(text) > longest or not is_line(text) or isinstance(self.given[field], Mapping | list):
            self.refuse(field, text, f"one line of at most {longest} characters")
            return default
        return text or default

    def refuse(self, field: str, given: object, allowed: str) -> None:
        self.plan.refuse(f"{self.place}.{field}", given, allowed)


class Named(Part):
    """A part whose things are rows with a unique name and columns of text."""

    # Fields of text and the most characters each takes.
    columns: ClassVar[Mapping[str, int]] = {}

    def key(self, row: Any) -> str:
        return str(row.name)

    def document(self, row: Any) -> Document:
        return {column: getattr(row, column) for column in self.columns}

    def element(self, name: str, document: Document) -> object:
        return {"name": name, **document} if document else name

    def name_of(self, element: object, place: str, plan: Plan) -> str | None:
        given, place = (element.get("name"), f"{place}.name") if isinstance(element, Mapping) else (element, place)
        return documents.read_name(given, place, plan, longest=LONGEST_NAME)

    def read(self, name: str, given: object, plan: Plan) -> Wanted | None:
        fields = given if isinstance(given, Mapping) else {}
        place = f"{self.name}.{name}"
        unknown_keys(fields, {"name", *self.fields()}, place, plan)
        return self.wanted(Element(name, place, fields, plan.before[self.name].get(name), plan))

    def fields(self) -> Collection[str]:
        """What may be said about one, beside its name."""
        return self.columns

    def wanted(self, element: Element) -> Wanted | None:
        return Wanted({column: element.text(column, longest) for column, longest in self.columns.items()})

    def write(self, plan: Plan) -> None:
        """Create and change rows; then what needs their keys, in write_more."""
        changed, named = plan.changed(self.name), self.named()
        there = {self.key(row): row for row in self.rows()}
        rows = {name: there.get(name) or self.new(name) for name in changed}
        for name, row in rows.items():
            for column, value in self.values(changed[name], named).items():
                setattr(row, column, value)
        self.model._default_manager.bulk_create([row for row in rows.values() if not row.pk], batch_size=500)
        old = [rows[name] for name in changed if name in there]
        if old and self.stored:
            self.model._default_manager.bulk_update(old, self.stored, batch_size=200)
        self.write_more(rows, changed)

    def new(self, name: str) -> Any:
        return self.model(name=name)

    @property
    def stored(self) -> list[str]:
        """The columns that values() gives, of the table."""
        return list(self.columns)

    def named(self) -> Mapping[str, Mapping[str, Any]]:
        """The rows of other tables that documents of this part name, read once."""
        return {}

    def values(self, wanted: Wanted, named: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """What the row's columns become."""
        return {column: wanted.document[column] for column in self.columns}

    def write_more(self, rows: Mapping[str, Any], changed: Mapping[str, Wanted]) -> None:
        """Write what is in other tables; the rows have their keys."""

    def obstacles(self, plan: Plan) -> Iterator[tuple[str, str]]:
        removed, names = plan.removed[self.name], uses.naming()
        for row in self.rows():
            if self.key(row) in removed:
                yield from ((self.key(row), use) for use in self.uses_of(row, names))

    def uses_of(self, row: Any, names: uses.Naming) -> list[str]:
        """What uses the row, in sentences; `names` is what services name."""
        return []

    def schema(self) -> schema.Schema:
        return schema.element(dict.fromkeys(self.columns, TEXT))


class OnSwitch(Named):
    """Things that are reached over a switch."""

    def rows(self) -> QuerySet[Any]:
        return super().rows().select_related("switch")

    def fields(self) -> Collection[str]:
        return ("switch", *self.columns)

    def document(self, row: Any) -> Document:
        return {"switch": row.switch.name, **super().document(row)}

    @property
    def stored(self) -> list[str]:
        return ["switch", *self.columns]

    def named(self) -> Mapping[str, Mapping[str, Any]]:
        return {"switches": {switch.name: switch for switch in Switch.objects.all()}}

    def values(self, wanted: Wanted, named: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        return {"switch": named["switches"][wanted.document["switch"]], **super().values(wanted, named)}

    def phone(self, element: Element, switch: str) -> str:
        """The phone; on a simulator, where people answer who are made up, so is a phone that is not given."""
        of_switch = element.plan.document("switches", switch)
        default = f"sim:{element.name}" if of_switch and of_switch["kind"] == Switch.Kind.SIMULATOR else ""
        phone = element.text("phone", self.columns["phone"], default)
        if not phone:
            element.refuse("phone", "", "the phone in the switch's syntax, such as PJSIP/kate")
        return phone

    def schema(self) -> schema.Schema:
        return schema.element({"switch": TEXT, **dict.fromkeys(self.columns, TEXT)})


def read_switch(element: Element) -> str | None:
    """The name of the switch: as given, else as it is, else the only one there is; None with the fault in the plan.

    Where no switch is known at all, the one that is named is made up: a simulator, the default where no PBX is
    configured.
    """
    name, plan = as_text(element.given.get("switch")), element.plan
    known = plan.names("switches")
    if name in known:
        return name
    if not name and element.before:
        return str(element.before["switch"])
    if not name and len(known) == 1:
        return known[0]
    if not name or (known and not plan.made_up):
        element.refuse("switch", name, _name_of_a_switch(known))
        return None
    if documents.read_name(name, f"{element.place}.switch", plan, longest=LONGEST_NAME) is None:
        return None
    plan.made_up = True
    if wanted := documents.part("switches").read(name, {"kind": Switch.Kind.SIMULATOR.value}, plan):
        plan.wanted["switches"][name] = wanted
    return name


def _name_of_a_switch(known: list[str]) -> str:
    return f"the name of a switch: {', '.join(known) or 'there is none yet'}"
