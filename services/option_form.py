"""The form of a configured service: one typed field an option, made from the options of the service's type."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BoundField
from django.forms.renderers import BaseRenderer
from django.forms.utils import flatatt
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from services import documents, models, previews, resolution
from services.catalogue import Option, OptionError, OptionWarning, effects
from services.catalogue.effects import NoEffect
from services.documents import SECRET_NAMES
from services.kinds import Kind, shown
from services.readiness import Readiness
from services.reason import reason_field
from services.resolution import Origin
from services.types import ServiceType, service_type

if TYPE_CHECKING:
    ServiceModelForm = forms.ModelForm[models.ConfiguredService]
else:
    ServiceModelForm = forms.ModelForm

FIELD_PREFIX = "option"
UNKNOWN = "unknown"

# More boxes than these are folded; so many of the ticked ones are named on the fold.
MOST_OPEN = 12
MOST_NAMED = 5

SELECTED = mark_safe(" selected")

Choices = list[tuple[str, str]]


def field_name(name: str) -> str:
    """The form field of an option; prefixed, because the admin posts names with a leading underscore of its own."""
    return FIELD_PREFIX + name


class SeveralBoxes(forms.CheckboxSelectMultiple):
    """Several of some choices, in and out as one comma-separated text."""

    def format_value(self, value: Any) -> list[str]:
        return [item for part in str(value or "").split(",") if (item := part.strip())]

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        given = super().value_from_datadict(data, files, name)
        return ",".join(given) if isinstance(given, list) else given

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: BaseRenderer | None = None
    ) -> SafeString:
        boxes = super().render(name, value, attrs, renderer)
        if len(list(self.choices)) <= MOST_OPEN:
            return boxes
        return format_html(
            '<details class="several"><summary>{}</summary>'
            '<label class="several-find" hidden>Find <input type="search" autocomplete="off"></label>'
            "{}</details>",
            chosen_in_words(self.format_value(value)),
            boxes,
        )


def chosen_in_words(chosen: list[str]) -> str:
    """What a fold of boxes says of those that are ticked; options.js says it anew when they change."""
    if not chosen:
        return "none chosen"
    more = ", …" if len(chosen) > MOST_NAMED else ""
    return f"{len(chosen)} chosen: {', '.join(chosen[:MOST_NAMED])}{more}"


class DropDown(forms.Select):
    """A drop-down that is not made from a template for each choice: there are hundreds of countries and time zones."""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: BaseRenderer | None = None
    ) -> SafeString:
        chosen = "" if value is None else str(value)
        options = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            ((text, SELECTED if text == chosen else "", label) for text, label in self.choices),
        )
        return format_html(
            '<select name="{}"{}>{}</select>', name, flatatt(self.build_attrs(self.attrs, attrs)), options
        )


class Line(forms.TextInput):
    """A line of text, made without a template: a page has more than a hundred."""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: BaseRenderer | None = None
    ) -> SafeString:
        given = "" if value is None else str(value)
        rest = flatatt(self.build_attrs(self.attrs, attrs))
        return format_html('<input type="text" name="{}" value="{}"{}>', name, given, rest)


class OptionField(forms.CharField):
    """One option: a text that its kind reads, asked for with the widget that the kind hints at."""

    def __init__(
        self, option: Option, current: str, choices: Choices | None, *, needed: bool = False, unset: str = ""
    ) -> None:
        """`unset` is the choice that stands for no text, where there always has to be one."""
        self.option = option
        super().__init__(
            label=option.name, required=needed, help_text=option.help, widget=_widget(option, current, choices, unset)
        )
        self.initial = current

    def to_python(self, value: Any) -> str:
        # Browsers send line ends as CR LF.
        return (super().to_python(value) or "").replace("\r\n", "\n")

    def validate(self, value: Any) -> None:
        """Nothing: `required` only marks the field, whether it may be empty is for the form to say."""

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        if not resolution.has_token(text):
            try:
                self.option.check(text)
            except OptionError as error:
                raise ValidationError(str(error)) from None
        return text


def _widget(option: Option, current: str, choices: Choices | None, unset: str) -> forms.Widget:
    kind = option.value_kind
    if option.secret:
        return forms.PasswordInput(render_value=False, attrs={"class": "vTextField", "autocomplete": "new-password"})
    if choices is not None and kind.widget == "several":
        stray = [item for item in SeveralBoxes().format_value(current) if item not in dict(choices)]
        return SeveralBoxes(choices=[*choices, *((item, f"{item} (not known)") for item in stray)])
    if choices is not None:
        if not unset and not (option.default and current):
            unset = "---------" if choices else "nothing configured yet"
        return DropDown(choices=_with_current(choices, current, unset))
    if kind.widget == "number":
        # Not type="number": a value may be a $token$ that a request fills in.
        return Line(attrs={"class": "vIntegerField", "inputmode": "numeric"})
    if kind.widget == "lines":
        return forms.Textarea(attrs={"class": "vLargeTextField", "rows": 3, "cols": 80, "spellcheck": "false"})
    return Line(attrs={"class": "vLargeTextField", "spellcheck": "false"})


def _with_current(choices: Choices, current: str, unset: str) -> Choices:
    """The choices with what is stored, also where it is none of them."""
    if unset:
        choices = [("", unset), *choices]
    if current not in dict(choices):
        why = "filled in by the request" if resolution.has_token(current) else "not configured"
        choices = [*choices, (current, f"{current} ({why})")]
    return choices


@dataclass(frozen=True)
class Row:
    """One option as the page shows it.

    `inherited` is what counts while the service itself says nothing, `origin` where that comes from, in words. Of a
    numbered `family` only the first member carries the help.
    """

    bound: BoundField
    option: Option
    inherited: str
    origin: str
    is_own: bool
    warnings: list[str]
    family: str = ""
    help_id: str = ""
    has_stored_secret: bool = False
    no_effect: NoEffect | None = None

    @property
    def name(self) -> str:
        return self.option.name

    @property
    def shows_help(self) -> bool:
        return self.help_id == f"{self.bound.auto_id}_helptext"

    @property
    def messages_id(self) -> str:
        return f"{self.bound.auto_id}_messages"

    @property
    def effect_id(self) -> str:
        return f"{self.bound.auto_id}_effect"

    @property
    def described_by(self) -> str:
        return f"{self.help_id} {self.messages_id}" + (f" {self.effect_id}" if self.no_effect else "")

    @property
    def has_preview(self) -> bool:
        return previews.of_kind(self.option.value_kind.name) is not None

    @property
    def is_group(self) -> bool:
        return isinstance(self.bound.field.widget, SeveralBoxes)

    @property
    def limits(self) -> str:
        kind = self.option.value_kind
        return f"From {kind.minimum} to {kind.maximum}." if kind.maximum is not None else ""

    @property
    def inherited_sentence(self) -> str:
        return f"Comes from {self.origin}." if self.inherited else "Not set anywhere."

    @property
    def own_sentence(self) -> str:
        return f"Otherwise: {self.inherited} ({self.origin})." if self.inherited else "Otherwise: empty."

    @property
    def add_url(self) -> str:
        """Where to add the first of what is chosen from, while there is none; else empty."""
        kind = self.option.value_kind
        offered = [text for text, _ in getattr(self.bound.field.widget, "choices", ()) if text]
        if kind.choices is None or offered:
            return ""
        noun = "service" if kind.name == "service_reference" else kind.name.replace("_", " ")
        models_of = {part.noun: part.model for part in documents.parts()}
        if noun not in models_of:
            return ""
        return reverse(f"admin:{models_of[noun]._meta.label_lower.replace('.', '_')}_add")

    @property
    def control(self) -> SafeString:
        """The widget, tied to its help and its messages."""
        attributes: dict[str, str | bool] = {} if self.is_group else {"aria-describedby": self.described_by}
        if self.bound.errors:
            attributes["aria-invalid"] = "true"
        if self.inherited and not self.is_group and not isinstance(self.bound.field.widget, forms.Select):
            attributes["placeholder"] = self.inherited
        return self.bound.as_widget(attrs=attributes)


@dataclass(frozen=True)
class Part:
    """One section of options on the page."""

    name: str
    rows: list[Row] = field(default_factory=list)

    @property
    def own(self) -> int:
        return sum(row.is_own for row in self.rows)

    @property
    def errors(self) -> int:
        return sum(bool(row.bound.errors) for row in self.rows)


class ServiceOptionsForm(ServiceModelForm):
    """All options of one service, with the texts that count now filled in.

    Stored is what the service says itself: what differs from what it would inherit, and what it had said before and
    nobody touched. Options that this release does not know are kept, as lines of `name = value`.
    """

    instance: models.ConfiguredService
    use_required_attribute = False
    required_css_class = "required"

    unknown = forms.CharField(
        label="Unknown options",
        required=False,
        widget=forms.Textarea(attrs={"class": "vLargeTextField", "rows": 3, "cols": 80, "spellcheck": "false"}),
        help_text="Options that this release does not know, one to a line as name = value. They are kept and have no "
        "effect. Remove a line to remove the option. A value of several lines is written as a JSON string.",
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    why = reason_field()

    class Meta:
        model = models.ConfiguredService
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        service = self.instance
        self.type: ServiceType = service_type(service.type)
        self.explicit = resolution.explicit_texts(service)
        self.before = resolution.effective(service)
        self.inherited = resolution.origins(_Bare(service.type, service.configuration, service.global_sections))
        self.warnings: dict[str, list[str]] = {}
        # The family of each numbered option, by its name.
        self.families: dict[str, str] = {}
        self.options = {option.name: option for option in self._options()}
        choices: dict[Kind, Choices] = {}
        for name, option in self.options.items():
            kind = option.value_kind
            if kind.choices and kind not in choices:
                choices[kind] = kind.choices()
            self.fields[field_name(name)] = OptionField(
                option, self.before.get(name, ""), choices.get(kind), needed=option.is_needed(self.before)
            )
        unknown = {name: text for name, text in self.explicit.items() if self.type.option(name) is None}
        # Of an option that nobody knows, only the name says that it is a secret.
        self.hidden = {name: text for name, text in unknown.items() if SECRET_NAMES.search(name)}
        self.fields[UNKNOWN].initial = _as_lines({k: text for k, text in unknown.items() if k not in self.hidden})
        self.fields["seen"].initial = self._version()
        if not self.is_bound:
            self._apply_rules(self.before)

    def _version(self) -> str:
        return self.instance.updated_at.isoformat() if self.instance.updated_at else ""

    def _options(self) -> Iterator[Option]:
        """The options of the type; of a numbered family the members that there are and one more to fill in."""
        named = {*self.explicit, *self.inherited, *(key.removeprefix(FIELD_PREFIX) for key in self.data)}
        for option in self.type.options:
            if not option.numbered:
                yield option
                continue
            members = {int(name.removeprefix(option.name)): member for name in named if (member := option.member(name))}
            if free := option.member(f"{option.name}{max(members, default=0) + 1}"):
                members[max(members, default=0) + 1] = free
            # A family's plain name is an option like the numbered ones; shown where it is used.
            family = [option] if self.before.get(option.name, "").strip() else []
            for member in [*family, *(members[number] for number in sorted(members))]:
                self.families[member.name] = option.name
                yield member

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        # What was changed meanwhile must not be undone by a page that never showed it.
        if cleaned.get("seen") and cleaned["seen"] != self._version():
            self.add_error(None, "Somebody else changed this service since you opened the page. Open it anew.")
        texts = self.texts()
        for name, option in self.options.items():
            field = field_name(name)
            # A service that was never complete can be saved half filled in; a complete one is not broken by a slip.
            emptied = field in cleaned and not texts.get(name, "").strip() and self.before.get(name, "").strip()
            if emptied and option.is_needed(texts):
                self.add_error(field, f"{OptionError(name, '', option.allowed)} It is mandatory.")
        self._apply_rules(texts)
        return cleaned

    def _apply_rules(self, texts: Mapping[str, str]) -> None:
        values, _ = resolution.read_texts(self.type.options, texts)
        for rule in self.type.rules:
            for finding in rule(values, texts):
                field = field_name(finding.option)
                if isinstance(finding, OptionWarning):
                    self.warnings.setdefault(field, []).append(str(finding))
                elif self.is_bound:
                    self.add_error(field if field in self.fields else None, str(finding))
        for missing in Readiness().missing(self.type, texts):
            if field_name(missing.option) not in self.errors:
                self.warnings.setdefault(field_name(missing.option), []).append(str(missing))

    def clean_unknown(self) -> dict[str, str]:
        return _read_lines(self.cleaned_data[UNKNOWN], self.type)

    def _submitted(self, name: str) -> str:
        text: str = self.cleaned_data.get(field_name(name), "")
        if self.options[name].secret and not text:
            return self.explicit.get(name, "")
        return text

    def texts(self) -> dict[str, str]:
        """The text of every option as submitted; where none was, or it was refused, what it inherits."""
        inherited = {name: known.text for name, known in self.inherited.items()}
        submitted = {name: self._submitted(name) for name in self.options}
        return inherited | {name: text for name, text in submitted.items() if text.strip()}

    def save(self, commit: bool = True) -> models.ConfiguredService:
        own = {
            name: text
            for name in self.options
            if (text := self._submitted(name)).strip()
            and (text != self._inherited_text(name) or text == self.explicit.get(name))
        }
        self.instance.options = {**self.hidden, **self.cleaned_data[UNKNOWN], **own}
        return super().save(commit)

    def _inherited_text(self, name: str) -> str:
        known = self.inherited.get(name)
        return known.text if known else ""

    @property
    def changed_options(self) -> list[str]:
        """The names of the options that were changed, as the history tells them."""
        return [str(self.fields[name].label) for name in self.changed_data if name not in {"why", "seen"}]

    @cached_property
    def parts(self) -> list[Part]:
        """The rows of the page by section, in the order of the type's sections."""
        parts = {name: Part(name) for name in self.type.sections}
        first: dict[str, str] = {}
        for name, option in self.options.items():
            bound = self[field_name(name)]
            help_id = first.setdefault(self.families.get(name, name), f"{bound.auto_id}_helptext")
            parts.setdefault(option.section, Part(option.section)).rows.append(self._row(bound, option, help_id))
        return [part for part in parts.values() if part.rows]

    def _row(self, bound: BoundField, option: Option, help_id: str) -> Row:
        inherited = "" if option.secret else self._inherited_text(option.name)
        given = str(bound.value() or "").strip()
        return Row(
            bound=bound,
            option=option,
            inherited=inherited,
            origin=self._origin(option.name),
            is_own=bool(given) and given != inherited,
            warnings=self.warnings.get(bound.name, []),
            family=self.families.get(option.name, ""),
            help_id=help_id,
            has_stored_secret=option.secret and bool(self.explicit.get(option.name)),
            no_effect=effects.of_option(self.type.name, option.name),
        )

    def _origin(self, name: str) -> str:
        """Where the inherited text comes from, in words."""
        known = self.inherited.get(name)
        return origin_in_words(known.origin if known else Origin.DEFAULT, self.options[name], self.instance)

    def found(self) -> dict[str, dict[str, list[str]]]:
        """What is to be said of each field after validation: its errors, and what is only a warning."""
        errors = {field: [str(error) for error in errors] for field, errors in self.errors.items()}
        fields = dict.fromkeys([*errors, *self.warnings])
        return {f: {"errors": errors.get(f, []), "warnings": self.warnings.get(f, [])} for f in fields}


def origin_in_words(origin: Origin, option: Option | None, service: resolution.HasOptions) -> str:
    """Where a text comes from, as the pages say it."""
    match origin:
        case Origin.SERVICE:
            return "the service itself"
        case Origin.CONFIGURATION:
            return f"the configuration {service.configuration}"
        case Origin.SECTION if option and option.inherits:
            return f"section [{option.inherits[0]}]"
    return "the built-in default"


@dataclass
class _Bare:
    """A service that says nothing itself: what it amounts to is what the service would inherit."""

    type: str
    configuration: str
    global_sections: resolution.Sections
    options: dict[str, str] = field(default_factory=dict)


def _as_lines(texts: Mapping[str, str]) -> str:
    return "\n".join(f"{name} = {_one_line(text)}" for name, text in sorted(texts.items()))


def _one_line(text: str) -> str:
    return json.dumps(text) if "\n" in text or text != text.strip() or text[:1] == '"' else text


def _read_lines(given: str, known: ServiceType) -> dict[str, str]:
    """Lines of `name = value`. Raises ValidationError that names each line that is none."""
    texts: dict[str, str] = {}
    errors = []
    for line in filter(None, map(str.strip, given.splitlines())):
        name, equals, text = (part.strip() for part in line.partition("="))
        if not equals or not name:
            errors.append(f"{shown(line)} was given, allowed is name = value.")
        elif known.option(name):
            errors.append(f"{name} is an option of this type of service: set it in its own field.")
        elif name in texts:
            errors.append(f"{name} is given twice.")
        else:
            try:
                texts[name] = str(json.loads(text)) if text[:1] == '"' else text
            except ValueError:
                errors.append(f"{shown(line)} was given, allowed is name = text or name = JSON string.")
    if errors:
        raise ValidationError(errors)
    return texts
