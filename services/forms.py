"""The admin forms of API keys and of adding and copying services (option_form.py has that of a service's options)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError

from services import models
from services.kinds import URL, BadValue
from services.reason import reason_field
from services.types import service_type, service_types

if TYPE_CHECKING:
    ServiceModelForm = forms.ModelForm[models.ConfiguredService]
    ApiKeyModelForm = forms.ModelForm[models.ApiKey]
else:
    ServiceModelForm = ApiKeyModelForm = forms.ModelForm


class AddServiceForm(ServiceModelForm):
    """What adding a service asks for: its type, its name and the configuration that fills in the defaults."""

    type = forms.ChoiceField(label="Configure Service")
    configuration = forms.ChoiceField(label="Common Default Configurations")
    why = reason_field()

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


class CopyServiceForm(ServiceModelForm):
    """The name of the copy; the rest comes from the original."""

    why = reason_field()

    class Meta:
        model = models.ConfiguredService
        fields = ("name",)
        labels = AddServiceForm.Meta.labels
        widgets = AddServiceForm.Meta.widgets
        help_texts = AddServiceForm.Meta.help_texts


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
        fields = (
            *("name", "scopes", "expires_at", "revoked"),
            *("is_public", "requests_a_minute", "captcha_url", "captcha_secret"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "requests_a_minute" in self.fields:
            # Of keys for web pages alone: who adds another one need not think of it.
            self.fields["requests_a_minute"].required = False
        if self.instance.pk and "is_public" in self.fields:
            # The text of a key is known only when it is made.
            self.fields["is_public"].disabled = True
            self.fields["is_public"].help_text = "Decided when the key was added."
        if self.instance.pk and "limited_to" in self.fields:
            self.fields["limited_to"].initial = self.instance.services.all()

    def clean_revoked(self) -> bool:
        revoked: bool = self.cleaned_data["revoked"]
        if self.instance.pk and self.initial.get("revoked") and not revoked:
            raise ValidationError("A revoked key cannot be made valid again. Create a new one.")
        return revoked

    def clean_requests_a_minute(self) -> int:
        said: int | None = self.cleaned_data["requests_a_minute"]
        return models.ApiKey.REQUESTS_A_MINUTE if said is None else said

    def clean_captcha_url(self) -> str:
        url: str = self.cleaned_data["captcha_url"].strip()
        if url:
            try:
                URL.parse(url)
            except BadValue as error:
                raise ValidationError(str(error)) from error
        return url

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if bool(cleaned.get("captcha_url")) != bool(cleaned.get("captcha_secret")):
            self.add_error("captcha_secret", "A CAPTCHA needs both: where it is verified, and the secret for that.")
        if cleaned.get("is_public"):
            if cleaned.get("scopes", [models.START]) != [models.START]:
                self.add_error("scopes", "A key for web pages has the scope start alone: everybody can read it there.")
            if "limited_to" in self.fields and not cleaned.get("limited_to"):
                self.add_error("limited_to", "Choose the services that the pages offer: everybody can read the key.")
        elif cleaned.get("captcha_url"):
            self.add_error("captcha_url", "Only visitors of web pages can be asked for a CAPTCHA.")
        return cleaned

    def _save_m2m(self) -> None:
        super()._save_m2m()  # type: ignore[misc]
        if "limited_to" in self.cleaned_data:
            self.instance.services.set(self.cleaned_data["limited_to"])
