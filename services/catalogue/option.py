"""An option of a configured service, and what is said about values that do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from services import kinds
from services.kinds import BadValue, Kind, shown

DAY = 86_400
YEAR = 366 * DAY
# What errors quote instead of a secret.
HIDDEN = "(a secret)"


class OptionError(ValueError):
    """An option has a value that it cannot have; names the option, what was given and what is allowed."""

    def __init__(self, option: str, given: str, allowed: str, detail: str = "") -> None:
        because = f" ({detail})" if detail else ""
        super().__init__(f"Option {option}: {shown(given)} was given{because}, allowed is {allowed}.")
        self.option = option
        self.given = given
        self.allowed = allowed
        self.detail = detail


@dataclass(frozen=True)
class OptionWarning:
    """Something about an option that an admin should know; a sentence. It refuses no save.

    With `blocks` the service cannot work as it stands, or not all of its callbacks can.
    """

    option: str
    text: str
    blocks: bool = False

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, eq=False, kw_only=True)
class Option:
    """A setting of a service.

    `kind` is a Kind, or the name of one that another floor registers. `default` is the text that counts while nothing
    else says otherwise; `inherits` names the section and key of the global option that is asked before it. A mandatory
    option must have a value before the service can work; with `needed_when` only while that other option has that
    text. `overridable` says that a service may let requests override the option. `numbered` is a family of options,
    each named by `name` and a number, which only makes the names different. What a `secret` option holds is shown to
    nobody and stands in no file. `note` says since which of the vendor's releases something is so, where that is worth
    knowing.
    """

    name: str
    kind: Kind | str
    section: str
    help: str
    default: str = ""
    inherits: tuple[str, str] | None = None
    mandatory: bool = False
    needed_when: tuple[str, str] | None = None
    advanced: bool = False
    overridable: bool = True
    numbered: bool = False
    secret: bool = False
    note: str = ""

    @property
    def value_kind(self) -> Kind:
        """Its kind. Raises kinds.UnknownKind while no floor has registered it."""
        return self.kind if isinstance(self.kind, Kind) else kinds.kind(self.kind)

    @property
    def allowed(self) -> str:
        return self.value_kind.allowed

    @property
    def unit(self) -> str:
        return self.value_kind.unit

    def value(self, text: str) -> object:
        """The typed value of a text. Raises OptionError."""
        kind = self.kind if isinstance(self.kind, Kind) else kinds.kind(self.kind)
        try:
            return kind.read(text)
        except ValueError as error:
            raise self.error(text, error) from None

    def check(self, text: str) -> None:
        """That the text can be read and that what it names is configured. Raises OptionError."""
        self.value(text)
        if text.strip() and (check := self.value_kind.check):
            try:
                check(text.strip())
            except ValueError as error:
                raise self.error(text, error) from None

    def error(self, text: str, error: ValueError) -> OptionError:
        if self.secret:
            return OptionError(self.name, HIDDEN, self.allowed)
        if isinstance(error, BadValue):
            return OptionError(self.name, error.given, error.allowed)
        return OptionError(self.name, text, self.allowed, detail=str(error))

    def is_needed(self, texts: Mapping[str, str]) -> bool:
        """True if the option must have a value, given the texts of all options."""
        if self.needed_when:
            other, text = self.needed_when
            return texts.get(other, "").strip().lower() == text.lower()
        return self.mandatory

    def member(self, name: str) -> Option | None:
        """The option of this name in a numbered family; None when the name is none of its."""
        number = name.removeprefix(self.name)
        if not self.numbered or number == name or not (number.isascii() and number.isdigit()):
            return None
        return replace(self, name=name, numbered=False)
