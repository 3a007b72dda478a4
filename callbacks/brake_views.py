"""The supervisors' page of the brake on spending: what was dialled, what is held back, and how it is released."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from callbacks import braking
from telephony import brake
from telephony.models import BrakeRelease

MOST_RELEASES = 20


class ReleaseForm(forms.Form):
    brake = forms.IntegerField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label="Why",
        max_length=200,
        error_messages={"required": "Say why dialling is to go on, in at most 200 characters."},
    )


@require_safe
@never_cache
@login_required
@permission_required("telephony.view_dialcount", raise_exception=True)
def dialled(request: HttpRequest) -> HttpResponse:
    """Hour by hour and day by day: the present counts with their limits, and the last releases."""
    return _page(request, None)


@require_POST
@never_cache
@login_required
@permission_required("telephony.add_brakerelease", raise_exception=True)
def release(request: HttpRequest) -> HttpResponse:
    form = ReleaseForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        released = braking.release(
            brake_id=form.cleaned_data["brake"],
            by=request.user.get_username(),
            reason=form.cleaned_data["reason"],
            now=timezone.now(),
        )
    except braking.NotPulled:
        messages.info(request, "The brake is not pulled any more; nothing was released.")
    else:
        of_whom = released.service or "all services"
        messages.success(request, f"Released for {of_whom}: {released.extra} more in this {released.period}.")
    return redirect("dialled")


def _page(request: HttpRequest, form: ReleaseForm | None, status: int = 200) -> HttpResponse:
    now = timezone.now()
    counts = brake.counts(now)
    context = {
        "title": "Dialled",
        "counts": counts,
        "pulled": [count for count in counts if count.pulled_at],
        "form": form,
        "failed": form.data.get("brake") if form else "",
        "may_release": request.user.has_perm("telephony.add_brakerelease"),
        "releases": BrakeRelease.objects.all()[:MOST_RELEASES],
    }
    return render(request, "callbacks/dialled.html", context, status=status)
