"""Django admin of customers' data: who had them given out or deleted, and the page on which that is done."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from callbacks import privacy
from callbacks.privacy_models import CustomerDataRequest
from scheduling.admin import LookOnlyAdmin
from services.kinds import COUNTRY

EXPORT, DELETE = "export", "delete"


class NumberForm(forms.Form):
    """Whose data are meant. The number stands in the body of the request only: addresses end up in logs."""

    number = forms.CharField(
        max_length=privacy.LONGEST,
        help_text="With its country code, such as +49 30 123456, or together with the country; an extension as it is.",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "inputmode": "tel"}),
    )
    country = forms.CharField(
        max_length=2,
        required=False,
        help_text="Of a number without a country code, by its two letters: DE.",
        widget=forms.TextInput(attrs={"size": 3, "autocomplete": "off"}),
    )

    def clean_country(self) -> str:
        given: str = self.cleaned_data["country"].strip()
        try:
            return str(COUNTRY.read(given))
        except ValueError as error:
            raise forms.ValidationError(f"Allowed is {COUNTRY.allowed}.") from error

    def clean(self) -> None:
        if "number" in self.cleaned_data and "country" in self.cleaned_data:
            try:
                self.subject = privacy.subject(self.cleaned_data["number"], self.cleaned_data["country"])
            except privacy.NoNumber:
                self.add_error("number", "That is no telephone number: it has no digits.")


@admin.register(CustomerDataRequest)
class CustomerDataRequestAdmin(LookOnlyAdmin):
    list_display = ("at", "kind", "masked_number", "callbacks", "cancelled", "others", "by")
    list_filter = ("kind",)
    ordering = ("-at", "-pk")

    def get_urls(self) -> list[URLPattern]:
        ask = never_cache(sensitive_post_parameters("number")(self.admin_site.admin_view(self.ask_view)))
        return [path("ask/", ask, name="callbacks_customerdatarequest_ask"), *super().get_urls()]

    def may_ask(self, request: HttpRequest) -> bool:
        return request.user.has_perm("callbacks.add_customerdatarequest")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "may_ask": self.may_ask(request)})

    def ask_view(self, request: HttpRequest) -> HttpResponse:
        """Look for a number; then, in a second step, have what was found given out or deleted."""
        if not self.may_ask(request):
            raise PermissionDenied
        form = NumberForm(request.POST or None)
        found, deleted, wrong = None, None, ""
        if request.method == "POST" and form.is_valid():
            of, act, by = form.subject, request.POST.get("act", ""), request.user.get_username()
            try:
                if act == EXPORT:
                    return _download(privacy.export(of, by=by, now=timezone.now()))
                if act == DELETE and request.POST.get("confirm"):
                    cancel = bool(request.POST.get("cancel"))
                    deleted = privacy.delete(of, by=by, now=timezone.now(), cancel=cancel)
                elif act == DELETE:
                    wrong = "Nothing was deleted: confirm that it cannot be undone."
            except privacy.StillLive as live:
                wrong = f"Nothing was deleted, because these callbacks are not over: {live}."
            except privacy.Busy:
                wrong = "Nothing was deleted: others are changing these callbacks. Try again."
            found = None if deleted else privacy.find(of)
        if deleted:
            said = f"Deleted: {deleted.callbacks} callbacks and {deleted.others} other rows."
            self.message_user(request, said, messages.SUCCESS)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": "A customer's data",
            "form": NumberForm() if deleted else form,
            "found": found,
            "wrong": wrong,
        }
        status = 422 if wrong or (request.method == "POST" and not form.is_valid()) else 200
        return TemplateResponse(request, "admin/callbacks/customerdatarequest/ask.html", context, status=status)


def _download(text: str) -> HttpResponse:
    """The name of the file does not say whose data it holds."""
    return HttpResponse(
        text,
        content_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="customer-data.json"'},
    )
