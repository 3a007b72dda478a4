"""The admin forms of configured services and API keys; a service's form is made from the options of its type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString

from services import models, resolution
from services.catalogue import Option, OptionError
from services.types import ServiceType, service_type, service_types

if TYPE_CHECKING:
    ServiceModelForm = forms.ModelForm[models.ConfiguredService]
    ApiKeyModelForm = forms.ModelForm[models.ApiKey]
else:
    ServiceModelForm = ApiKeyModelForm = forms.ModelForm

FIELD_PREFIX = "option"


def field_name(option: Option) -> str:
    """The form field of an option; prefixed, because the admin posts names with a leading underscore of its own."""
    return FIELD_PREFIX + option.name


class AddServiceForm(ServiceModelForm):
    """What adding a service asks for: its type, its name and the configuration that fills in the defaults."""

    type = forms.ChoiceField(label="Configure Service")
    configuration = forms.ChoiceField(label="Common Default Configurations")

    class Meta:
        model = models.ConfiguredService
        fields = ("type", "name", "configuration")
        labels = {"name": "Service Name"}
        widgets = {"name": forms.TextInput(attrs={"class": "vTextField"})}
        help_texts = {"name": "1 to 64 of A-Z a-z 0-9 . _ - . It becomes a part of URLs and cannot be changed later."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        types = service_types()
        one_type = len(types) == 1
        self.fields["type"].choices = [(t.name, t.label) for t in types]  # type: ignore[attr-defined]
        self.fields["configuration"].choices = (  # type: ignore[attr-defined]
            [(c.name, c.name) for c in types[0].configurations]
            if one_type
            else [(t.label, [(c.name, c.name) for c in t.configurations]) for t in types]
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if {"type", "configuration"} <= cleaned.keys():
            try:
                service_type(cleaned["type"]).defaults(cleaned["configuration"])
            except LookupError as error:
                self.add_error("configuration", str(error))
        return cleaned


class OptionField(forms.CharField):
    """One option: a text that its kind reads, asked for with the widget that the kind hints at."""

    def __init__(self, option: Option, default: str, current: str, *, needed: bool) -> None:
        self.option = option
        super().__init__(
            label=option.name,
            required=needed,
            help_text=_help(option, default),
            widget=_widget(option, current),
            initial=current,
        )

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


def _help(option: Option, default: str) -> SafeString:
    kind = option.value_kind
    limits = f" From {kind.minimum} to {kind.maximum}." if kind.maximum is not None else ""
    return format_html(
        "{}{}{}",
        option.help,
        format_html(" In {}.", kind.unit) if kind.unit else "",
        limits + (f" Default: {default}" if default else ""),
    )


def _widget(option: Option, current: str) -> forms.Widget:
    kind = option.value_kind
    if kind.choices:
        choices = kind.choices()
        if not option.default or not current:
            choices = [("", "---------" if choices else "nothing configured yet"), *choices]
        if current not in dict(choices):
            choices = [*choices, (current, f"{current} (not configured)")]
        return forms.Select(choices=choices)
    if kind.widget == "number":
        # Not type="number": a value may be a $token$ that a request fills in.
        return forms.TextInput(attrs={"class": "vIntegerField", "inputmode": "numeric"})
    if kind.widget == "lines":
        return forms.Textarea(attrs={"class": "vLargeTextField", "rows": 3, "cols": 80})
    return forms.TextInput(attrs={"class": "vLargeTextField"})


class ServiceOptionsForm(ServiceModelForm):
    """All options of one service, with the texts that count now filled in.

    Only what differs from the service's configuration is stored; options that this release does not know are kept.
    """

    instance: models.ConfiguredService
    use_required_attribute = False

    class Meta:
        model = models.ConfiguredService
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.type: ServiceType = service_type(self.instance.type)
        self.defaults = self.type.defaults(self.instance.configuration)
        self.before = resolution.effective(self.instance)
        for option in self.type.options:
            name = option.name
            needed = option.is_needed(self.before)
            self.fields[field_name(option)] = OptionField(option, self.defaults[name], self.before[name], needed=needed)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        texts = self._texts()
        for option in self.type.options:
            name, field = option.name, field_name(option)
            # A service that was never complete can be saved half filled in; a complete one is not broken by a slip.
            emptied = field in cleaned and not texts[name].strip() and self.before[name].strip()
            if emptied and option.is_needed(texts):
                self.add_error(field, f"{OptionError(name, '', option.allowed)} It is mandatory.")
        values, _ = resolution.read_texts(self.type.options, texts)
        for rule in self.type.rules:
            for error in rule(values, texts):
                self.add_error(FIELD_PREFIX + error.option, str(error))
        return cleaned

    def _texts(self) -> dict[str, str]:
        """The text of every option as submitted; where none was, or it was refused, its default."""
        submitted = {option.name: self.cleaned_data.get(field_name(option), "") for option in self.type.options}
        return {name: text if text.strip() else self.defaults[name] for name, text in submitted.items()}

    def save(self, commit: bool = True) -> models.ConfiguredService:
        unknown = {name: text for name, text in self.instance.options.items() if name not in self.type.by_name}
        own = {name: text for name, text in self._texts().items() if text != self.defaults[name]}
        self.instance.options = {**unknown, **own}
        return super().save(commit)


class ApiKeyForm(ApiKeyModelForm):
    """A key's name, scopes, limits and expiry. The key itself is generated and never in a form."""

    scopes = forms.MultipleChoiceField(choices=models.ApiKey.SCOPES, widget=forms.CheckboxSelectMultiple)
    limited_to = forms.ModelMultipleChoiceField(
        queryset=models.ConfiguredService.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="The key works only for these services. None chosen: for all of them.",
    )

    class Meta:
        model = models.ApiKey
        fields = ("name", "scopes", "expires_at", "revoked")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "limited_to" in self.fields:
            self.fields["limited_to"].initial = self.instance.services.all()

    def clean_revoked(self) -> bool:
        revoked: bool = self.cleaned_data["revoked"]
        if self.instance.pk and self.initial.get("revoked") and not revoked:
            raise ValidationError("A revoked key cannot be made valid again. Create a new one.")
        return revoked

    def _save_m2m(self) -> None:
        super()._save_m2m()  # type: ignore[misc]
        if "limited_to" in self.cleaned_data:
            self.instance.services.set(self.cleaned_data["limited_to"])
