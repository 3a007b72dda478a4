"""A person's own page: who they are here, their time zone, their password; and what to do when that is lost."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from axes.utils import reset as lift_lock_out
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordChangeView, PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from callbacks import roles
from callbacksite import passwords
from callbacksite.signing_in import counted_address
from services import people
from services.people_models import PersonScope, Preference
from telephony.models import Agent


def _zones() -> list[tuple[str, str]]:
    """Places by their continents; what has no place (EST5EDT, Etc/GMT+3) has rules that surprise."""
    places = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    office = gettext_lazy("The office's")
    return [("", f"{office} ({settings.TIME_ZONE})"), ("UTC", "UTC"), *((name, name) for name in places)]


class ZoneForm(forms.Form):
    time_zone = forms.ChoiceField(
        label=gettext_lazy("My time zone"),
        choices=_zones,
        required=False,
        error_messages={"invalid_choice": gettext_lazy("“%(value)s” is no time zone: choose one of the list.")},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Who I am, what I may see, and in which zone times are shown to me."""
    user = User.objects.get(username=request.user.get_username())
    chosen = Preference.objects.filter(user=user).values_list("time_zone", flat=True).first() or ""
    form = ZoneForm(request.POST if request.method == "POST" else None, initial={"time_zone": chosen})
    if form.is_valid():
        people.choose_zone(request, user, form.cleaned_data["time_zone"])
        messages.success(
            request,
            _("Saved: times are shown in %(zone)s.") % {"zone": form.cleaned_data["time_zone"] or settings.TIME_ZONE},
        )
        return redirect("account")
    groups = user.groups.order_by("name").values_list("name", flat=True)
    context = {
        "title": _("My account"),
        "form": form,
        "now": timezone.now(),
        "roles": [(name, roles.WORDS.get(name, "")) for name in groups],
        "sees_callbacks": user.has_perm("callbacks.view_callback"),
        "sees_numbers": user.has_perm("callbacks.see_numbers"),
        "scopes": PersonScope.objects.filter(user=user),
        "seen": people.visible(user) if people.is_limited(user) else None,
        "agent": Agent.objects.filter(user=user).first(),
    }
    return render(request, "account/page.html", context, status=400 if form.errors else 200)


class ChangePassword(PasswordChangeView):
    """A new password for who knows the old one; other sessions of theirs end."""

    template_name = "account/password.html"
    success_url = reverse_lazy("account")
    extra_context = {"title": gettext_lazy("Change my password")}

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(
            self.request, _("Your password was changed. Wherever else you were signed in, you no longer are.")
        )
        return super().form_valid(form)


class LostForm(forms.Form):
    email = forms.EmailField(
        label=gettext_lazy("Your e-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def lost_password(request: HttpRequest) -> HttpResponse:
    """Ask for a link to a new password; the answer is the same whether or not somebody has that address."""
    title = _("Password lost")
    if not passwords.is_possible():
        return render(request, "account/reset_impossible.html", {"title": title})
    form = LostForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        status = 400 if form.is_bound else 200
        return render(request, "account/reset.html", {"title": title, "form": form}, status=status)
    now = timezone.now()
    try:
        passwords.ask(
            email=form.cleaned_data["email"],
            address=counted_address(request) or "",
            origin=request.build_absolute_uri("/"),
            now=now,
        )
    except passwords.TooMany as refused:
        seconds = max(1, int((refused.until - now).total_seconds()) + 1)
        context = {"title": title, "until": refused.until}
        page = render(request, "account/reset_too_many.html", context, status=429)
        page["Retry-After"] = str(seconds)
        return page
    return redirect("password-reset-sent")


@require_safe
def lost_password_sent(request: HttpRequest) -> HttpResponse:
    return render(request, "account/reset_sent.html", {"title": _("Look into your mailbox")})


class NewPassword(PasswordResetConfirmView):
    """Where the link in the e-mail leads. Whoever has it has the mailbox: wrong passwords before count no more."""

    template_name = "account/reset_confirm.html"
    success_url = reverse_lazy("login")
    extra_context = {"title": gettext_lazy("A new password")}

    def form_valid(self, form: SetPasswordForm[User]) -> HttpResponse:
        response = super().form_valid(form)
        lift_lock_out(username=form.user.get_username())
        messages.success(self.request, _("Your password was changed. Sign in with the new one."))
        return response
