"""The supervisors' page of the brake on spending: what was dialled, what is held back, and how it is released."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from callbacks import braking
from services import people
from telephony import brake
from telephony.models import BrakeRelease, DialCount

MOST_RELEASES = 20


class ReleaseForm(forms.Form):
    brake = forms.IntegerField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=200,
        error_messages={"required": gettext_lazy("Say why dialling is to go on, in at most 200 characters.")},
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
    asked = DialCount.objects.filter(pk=form.cleaned_data["brake"]).first()
    if asked is not None and not braking.may_release(request.user, asked):
        raise PermissionDenied
    try:
        released = braking.release(
            brake_id=form.cleaned_data["brake"],
            by=request.user.get_username(),
            reason=form.cleaned_data["reason"],
            now=timezone.now(),
        )
    except braking.NotPulled:
        messages.info(request, _("The brake is not pulled any more; nothing was released."))
    else:
        said = _("Released for %(service)s: %(extra)s more in this %(period)s.")
        of_whom = released.service or _("all services")
        period = released.get_period_display()
        messages.success(request, said % {"service": of_whom, "extra": released.extra, "period": period})
    return redirect("dialled")


def _page(request: HttpRequest, form: ReleaseForm | None, status: int = 200) -> HttpResponse:
    now = timezone.now()
    counts = braking.visible_to(request.user, brake.counts(now))
    releases = BrakeRelease.objects.all()
    if people.is_limited(request.user):
        names = people.visible(request.user).values("name")
        releases = releases.filter(Q(service=DialCount.ALL) | Q(service__in=names))
    context = {
        "title": _("Dialled"),
        "counts": counts,
        "pulled": [count for count in counts if count.pulled_at],
        "form": form,
        "failed": form.data.get("brake") if form else "",
        "may_release": [count.pk for count in counts if braking.may_release(request.user, count)],
        "releases": releases[:MOST_RELEASES],
    }
    return render(request, "callbacks/dialled.html", context, status=status)
