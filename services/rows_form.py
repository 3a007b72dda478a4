"""The forms of global sections and named lists: known keys as typed fields or hints, all others as rows of texts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BoundField, formset_factory
from django.utils.crypto import salted_hmac

from services.catalogue import LIST_OPTIONS, Option, OptionError, effects, list_option, section_option, section_options
from services.catalogue.effects import NoEffect
from services.documents import SECRET_NAMES, is_line, is_storable
from services.models import NamedList, Section
from services.option_form import Choices, OptionField
from services.reason import ReasonForm, reason_field

if TYPE_CHECKING:
    SectionModelForm = forms.ModelForm[Section]
    ListModelForm = forms.ModelForm[NamedList]
    RowFormSet = forms.BaseFormSet["RowForm"]
else:
    SectionModelForm = ListModelForm = forms.ModelForm
    RowFormSet = forms.BaseFormSet

ANY = "*"
KNOWN_PREFIX = "known-"
EMPTY_ROWS = 2
LONGEST_KEY = 256


class AddNamedForm(ReasonForm):
    """Adding a section or a list asks for its name; its rows follow on the next page."""

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        if not is_line(name):
            raise ValidationError("A name is one line of text.")
        return name


class RowForm(forms.Form):
    """One key and its text; in a list, of one of its sections. A secret text goes in and never comes out."""

    section = forms.CharField(required=False, max_length=128, strip=True)
    key = forms.CharField(required=False, max_length=LONGEST_KEY, strip=True)
    text = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 1, "class": "vLargeTextField", "spellcheck": "false"})
    )

    def __init__(self, *args: Any, secrets: Mapping[tuple[str, str], str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.secrets = secrets
        if (self.initial.get("section", ""), self.initial.get("key", "")) in secrets:
            self.fields["text"].widget = forms.PasswordInput(
                render_value=False,
                attrs={"class": "vTextField", "autocomplete": "new-password", "placeholder": "stored; empty keeps it"},
            )

    def clean_text(self) -> str:
        place = (self.cleaned_data.get("section", ""), self.cleaned_data.get("key", ""))
        text: str = self.cleaned_data["text"].replace("\r\n", "\n") or self.secrets.get(place, "")
        if not is_storable(text):
            raise ValidationError("This text cannot be stored: it has a NUL or half a character in it.")
        return text

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("text") and not cleaned.get("key") and "key" not in self.errors:
            self.add_error("key", "A text needs a key.")
        return cleaned


class BaseRows(RowFormSet):
    """Rows of one section or list; each key once."""

    has_sections = False

    def clean(self) -> None:
        seen: set[tuple[str, str]] = set()
        for form in self.forms:
            key = form.cleaned_data.get("key", "")
            if not key or form.cleaned_data.get("DELETE"):
                continue
            section = form.cleaned_data.get("section", "")
            if self.has_sections and not section:
                form.add_error("section", "A key of a list stands in a section.")
            if (section, key) in seen:
                form.add_error("key", f"{key} is given twice.")
            seen.add((section, key))

    def texts(self) -> Iterator[tuple[str, str, str]]:
        """Section, key and text of each row that says something."""
        for form in self.forms:
            given = form.cleaned_data
            if given.get("key") and given["text"].strip() and not given.get("DELETE"):
                yield given["section"], given["key"], given["text"]


Rows = formset_factory(RowForm, formset=BaseRows, extra=EMPTY_ROWS, can_delete=True)


def make_rows(form: forms.BaseForm, stored: list[tuple[str, str, str]]) -> BaseRows:
    """The rows of what is stored, or of what was sent: then all of it counts, whatever was stored meanwhile."""
    secrets = {(section, key): text for section, key, text in stored if SECRET_NAMES.search(key)}
    initial = [
        {"section": section, "key": key, "text": "" if (section, key) in secrets else text}
        for section, key, text in stored
    ]
    rows: BaseRows = Rows(  # type: ignore[assignment]  # the factory does not say which class it makes
        form.data if form.is_bound else None,
        initial=None if form.is_bound else initial,
        prefix="rows",
        form_kwargs={"secrets": secrets},
    )
    return rows


def fingerprint(row: Section | NamedList) -> str:
    """What tells one version of a row from another; with a key, as secrets stand in it."""
    stored = row.options if isinstance(row, Section) else row.sections
    return salted_hmac("services.rows_form", json.dumps(stored, sort_keys=True), algorithm="sha256").hexdigest()


def refuse_if_changed(form: SectionForm | NamedListForm) -> None:
    """What was changed meanwhile must not be undone by a page that never showed it."""
    if form.cleaned_data.get("seen") and form.cleaned_data["seen"] != fingerprint(form.instance):
        noun = form.instance._meta.verbose_name
        form.add_error(None, f"Somebody else changed this {noun} since you opened the page. Open it anew.")


@dataclass(frozen=True)
class KnownRow:
    """A key that this release knows, with its field."""

    bound: BoundField
    option: Option
    has_stored_secret: bool
    no_effect: NoEffect | None

    @property
    def control(self) -> str:
        effect = f" {self.bound.auto_id}_effect" if self.no_effect else ""
        attributes: dict[str, str | bool] = {"aria-describedby": f"{self.bound.auto_id}_helptext{effect}"}
        if self.option.default:
            attributes["placeholder"] = self.option.default
        return self.bound.as_widget(attrs=attributes)


@dataclass(frozen=True)
class Hint:
    """What is known of a key that is up to the admin."""

    option: Option
    no_effect: NoEffect | None


class SectionForm(SectionModelForm):
    """A global section. An empty field is unset: what services say themselves, or the built-in default, counts."""

    instance: Section
    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    why = reason_field()

    class Meta:
        model = Section
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen"].initial = fingerprint(self.instance)
        stored: dict[str, str] = self.instance.options
        self.known = {option.name: option for option in section_options(self.instance.name) if option.name != ANY}
        for name, option in self.known.items():
            kind = option.value_kind
            choices: Choices | None = kind.choices() if kind.choices else None
            text = "" if option.secret else stored.get(name, "")
            unset = f"not set ({option.default} counts)" if option.default else "not set"
            self.fields[KNOWN_PREFIX + name] = OptionField(option, text, choices, unset=unset)
        others = [("", key, text) for key, text in sorted(stored.items()) if key not in self.known]
        self.rows = make_rows(self, others)

    @property
    def known_rows(self) -> list[KnownRow]:
        return [
            KnownRow(
                self[KNOWN_PREFIX + name],
                option,
                has_stored_secret=option.secret and bool(self.instance.options.get(name)),
                no_effect=effects.of_section_key(option),
            )
            for name, option in self.known.items()
        ]

    @property
    def hints(self) -> list[Hint]:
        options = [o for o in section_options(self.instance.name) if o.name == ANY]
        return [Hint(option, effects.of_section_key(option)) for option in options]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        refuse_if_changed(self)
        if self.rows.is_valid():
            for form in self.rows.forms:
                key = form.cleaned_data.get("key", "")
                if key in self.known and not form.cleaned_data.get("DELETE"):
                    form.add_error("key", f"{key} has a field of its own above.")
                else:
                    check(form, section_option(self.instance.name, key))
        if not _all_well(self.rows):
            self.add_error(None, "Some of the other keys are wrong, see below.")
        return cleaned

    def save(self, commit: bool = True) -> Section:
        options = {key: text for _, key, text in self.rows.texts()}
        for name, option in self.known.items():
            text = self.cleaned_data[KNOWN_PREFIX + name]
            if option.secret and not text:
                text = self.instance.options.get(name, "")
            if text.strip():
                options[name] = text
        self.instance.options = options
        return super().save(commit)


class NamedListForm(ListModelForm):
    """A named list: sections of keys and texts."""

    instance: NamedList
    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    why = reason_field()

    class Meta:
        model = NamedList
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen"].initial = fingerprint(self.instance)
        stored = [
            (section, key, text)
            for section, texts in sorted(self.instance.sections.items())
            for key, text in sorted(texts.items())
        ]
        self.rows = make_rows(self, stored)
        self.rows.has_sections = True

    @property
    def hints(self) -> list[Hint]:
        name = self.instance.name
        return [Hint(option, effects.of_list_key(name, option)) for option in LIST_OPTIONS.get(name, ())]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        refuse_if_changed(self)
        if self.rows.is_valid():
            for form in self.rows.forms:
                given = form.cleaned_data
                check(form, list_option(self.instance.name, given.get("section", ""), given.get("key", "")))
        if not _all_well(self.rows):
            self.add_error(None, "Some rows are wrong, see below.")
        return cleaned

    def save(self, commit: bool = True) -> NamedList:
        sections: dict[str, dict[str, str]] = {}
        for section, key, text in self.rows.texts():
            sections.setdefault(section, {})[key] = text
        self.instance.sections = sections
        return super().save(commit)


def check(form: RowForm, option: Option | None) -> None:
    """That the row's text is one that its key can have, where that is known."""
    given = form.cleaned_data
    if not option or not given.get("key") or given.get("DELETE") or not given.get("text", "").strip():
        return
    try:
        option.check(given["text"])
    except OptionError as error:
        form.add_error("text", str(OptionError(given["key"], error.given, error.allowed, error.detail)))


def _all_well(rows: BaseRows) -> bool:
    return not rows.non_form_errors() and not any(form.errors for form in rows.forms)
