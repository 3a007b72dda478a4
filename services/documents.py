"""The parts of the configuration and their documents: what stands in a configuration file and in the change log.

A part is one kind of thing (services, sections, agents, …), known by names. It turns a thing into its document, reads
what a file says about one, and writes documents to the database. Other floors register theirs.

Documents hold no secrets: passwords and secret options are handed over beside them.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

from django.db.models import Model, ProtectedError, QuerySet

from services.kinds import shown

Document = dict[str, Any]

LONGEST_NAME = 128
# What an exported file says of a secret, which it does not show: what is stored stays.
KEPT = "(secret, kept as it is)"
SECRET_NAMES = re.compile(r"(?i)password|passwd|secret|credential|api[-_.]?key|private[-_.]?key|access[-_.]?token")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


class Refused(Exception):
    """What was asked for is not allowed, and nothing was changed; `errors` are sentences that name the place."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(self.errors))


@dataclass(frozen=True)
class Wanted:
    """What a thing is to be: its document, and the secrets that were given for it, by name."""

    document: Document
    secrets: Mapping[str, str] = field(default_factory=dict)


class Plan:
    """What is there, what is wanted instead, and what is to be said about it.

    With `keep_secrets` the secrets of a thing stay where nothing is said of them; otherwise they go, like everything
    else that a file leaves out.
    """

    def __init__(self, before: Mapping[str, Mapping[str, Document]], *, keep_secrets: bool = False) -> None:
        self.before = before
        self.keep_secrets = keep_secrets
        self.secrets: dict[str, Mapping[str, Mapping[str, str]]] = {}
        self.wanted: dict[str, dict[str, Wanted]] = {part.name: {} for part in parts()}
        self.removed: dict[str, set[str]] = {part.name: set() for part in parts()}
        # True when the file names a switch, there is none at all, and so it is made up.
        self.made_up = False
        self.errors: list[str] = []
        self.warnings: list[str] = []

    def refuse(self, place: str, given: object, allowed: str, detail: str = "") -> None:
        because = f" ({detail})" if detail else ""
        self.errors.append(f"{place}: {shown(as_shown(given))} was given{because}, allowed is {allowed}.")

    def warn(self, place: str, text: str) -> None:
        self.warnings.append(f"{place}: {text}")

    def document(self, part: str, name: str) -> Document | None:
        """What the thing will be, or None when there will be none of this name."""
        if name in self.wanted[part]:
            return self.wanted[part][name].document
        return None if name in self.removed[part] else self.before[part].get(name)

    def names(self, part: str) -> list[str]:
        """The names that there will be."""
        return sorted({*self.before[part], *self.wanted[part]} - self.removed[part])

    def changed(self, part: str) -> dict[str, Wanted]:
        """Those that are wanted otherwise than they are."""
        before = self.before[part]
        return {
            name: wanted
            for name, wanted in self.wanted[part].items()
            if wanted.document != before.get(name) or self.changed_secrets(part, name)
        }

    def changed_secrets(self, part: str, name: str) -> list[str]:
        """The names of those of a thing's secrets that are wanted otherwise than they are."""
        wanted = self.wanted[part].get(name)
        if wanted is None or not wanted.secrets:
            return []
        stored = self._secrets(part).get(name, {})
        return sorted(secret for secret, text in wanted.secrets.items() if text != stored.get(secret, ""))

    def secrets_wanted(self, part: str, name: str, given: Mapping[str, str], place: str) -> dict[str, str]:
        """The secrets of a thing as they are to be, where a file gives these for it; an empty one goes."""
        stored = self._secrets(part).get(name, {})
        wanted = {} if self.keep_secrets else dict.fromkeys(stored, "")
        for key, text in given.items():
            wanted[key] = stored.get(key, "") if text == KEPT else text
            if text == KEPT and key not in stored:
                self.warn(f"{place}.{key}", "is to be kept, but none is stored here.")
        return wanted

    def _secrets(self, name: str) -> Mapping[str, Mapping[str, str]]:
        """What is stored, read when a file first asks for it, before anything is written."""
        if name not in self.secrets:
            each = part(name)
            self.secrets[name] = {each.key(row): each.secrets(row) for row in each.rows()}
        return self.secrets[name]


class Part(ABC):
    """One kind of thing that is configured, known by names."""

    # The key of the configuration file, and the word for one of them.
    name: ClassVar[str]
    noun: ClassVar[str]
    model: ClassVar[type[Model]]
    # In a file a list of elements that say their name, instead of a mapping from name to document.
    is_list: ClassVar[bool] = True

    @abstractmethod
    def key(self, row: Any) -> str:
        """The name under which the thing is known."""

    @abstractmethod
    def document(self, row: Any) -> Document:
        """The thing as it is now."""

    def secrets(self, row: Any) -> dict[str, str]:
        """The secrets of the thing, by name; they are not in its document."""
        return {}

    @abstractmethod
    def read(self, name: str, given: object, plan: Plan) -> Wanted | None:
        """What a file says about one, checked by itself; None where nothing can be made of it. Faults go to the plan.

        What is not given stays as it is, or gets its default.
        """

    @abstractmethod
    def write(self, plan: Plan) -> None:
        """Create and change what the plan wants; in bulk."""

    @abstractmethod
    def schema(self) -> dict[str, object]:
        """The JSON Schema of one of them as it stands in a file."""

    def rows(self) -> QuerySet[Any]:
        """All of them, read with what document() needs."""
        return self.model._default_manager.all()

    def load(self) -> dict[str, Document]:
        """The documents of all, by name."""
        return dict(sorted((self.key(row), self.document(row)) for row in self.rows()))

    def exported(self, row: Any) -> Document:
        """The document as a file has it: of secrets it says that they are kept."""
        return self.document(row)

    def element(self, name: str, document: Document) -> object:
        """What an exported file says about one."""
        return document

    def name_of(self, element: object, place: str, plan: Plan) -> str | None:
        """The name that an element of a list says; None, with the fault in the plan, when it says none."""
        given = element.get("name") if isinstance(element, Mapping) else element
        return read_name(given, f"{place}.name" if isinstance(element, Mapping) else place, plan)

    def obstacles(self, plan: Plan) -> Iterator[tuple[str, str]]:
        """Name and sentence for everything that keeps what the plan removes from being removed.

        Asked when everything else has been written.
        """
        return iter(())

    def remove(self, names: Collection[str]) -> None:
        """Delete these rows. Raises Refused where the database protects one."""
        rows = [row for row in self.rows() if self.key(row) in names]
        try:
            self.model._default_manager.filter(pk__in=[row.pk for row in rows]).delete()
        except ProtectedError as error:
            raise Refused([f"{self.name}: {_protected(error)}"]) from error

    def check(self, plan: Plan) -> None:
        """Look, when everything is written, whether what was wanted fits the rest; faults go to the plan."""
        return


_parts: dict[str, Part] = {}


def register(*new: Part) -> None:
    """Make parts known, each after those that it names. Called once a part, from an app's ready()."""
    for each in new:
        if _parts.setdefault(each.name, each) is not each:
            raise ValueError(f"a part named {each.name!r} is registered already")


def parts() -> list[Part]:
    """All parts, in the order in which they are written: what a part names comes before it, so services come last."""
    return sorted(_parts.values(), key=lambda each: each.name == "services")


def part(name: str) -> Part:
    """The part of this name. Raises LookupError."""
    try:
        return _parts[name]
    except KeyError:
        raise LookupError(f"no part named {name!r}; there are: {', '.join(_parts)}") from None


def part_of(row: Model | type[Model]) -> Part:
    """The part to which a row, or a model, belongs. Raises LookupError."""
    model = row if isinstance(row, type) else type(row)
    for each in parts():
        if each.model is model:
            return each
    raise LookupError(f"{model.__name__} is no part of the configuration")


def as_shown(given: object) -> str:
    """What was given, as an error quotes it."""
    if given is None:
        return ""
    return given if isinstance(given, str) else _json(given)


def as_text(given: object) -> str:
    """A value of a file as the text that it stands for: true, 604800, compact JSON for mappings and lists."""
    if given is None:
        return ""
    if isinstance(given, str):
        return given
    return "true" if given is True else "false" if given is False else _json(given)


def _json(given: object) -> str:
    if isinstance(given, Decimal):
        return str(given)
    return json.dumps(given, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(given: object) -> object:
    return float(given) if isinstance(given, Decimal) else str(given)


def read_name(given: object, place: str, plan: Plan, *, longest: int = LONGEST_NAME) -> str | None:
    """A name of one line; None, with the fault in the plan, when it is none."""
    text = given if isinstance(given, str) else "" if given is None else str(given)
    if isinstance(given, Mapping | list) or not text.strip() or len(text) > longest or not is_line(text):
        plan.refuse(place, given, f"a name of 1 to {longest} characters in one line")
        return None
    return text


def is_line(text: str) -> bool:
    """True if it is one line that the database can hold."""
    return not _CONTROL.search(text) and is_storable(text)


def is_storable(text: str) -> bool:
    """True if the database can hold it: without NUL, and encodable."""
    return not _UNSTORABLE.search(text)


def _protected(error: ProtectedError) -> str:
    first = sorted(str(each) for each in error.protected_objects)[:10]
    return f"cannot be removed, it is used by {', '.join(first)}"
