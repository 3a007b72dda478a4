"""Work on many callbacks: what is to be cancelled is confirmed, a list is given out, and each job has a page."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, transaction
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from callbacks import sections, spreadsheets
from callbacks.flow.states import State
from callbacks.jobs import asking, exporting, reports
from callbacks.jobs.models import Job, JobRow
from callbacks.jobs.records import end
from callbacks.models import Callback, CallbackQuerySet
from callbacks.pages.access import ACT, acts, looks
from callbacks.pages.view import View
from callbacksite import live

# The vendor's: as many as its list has on a page.
MOST_ON_PAGE = 250
# Of a view so many are counted exactly.
MOST_COUNTED = 10_000
MOST_JOBS = 100
LIST_SECONDS = 3
JOB_SECONDS = 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def enabled(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Refused where the installation has switched work on many callbacks off."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if sections.bulk_is_disabled():
            raise PermissionDenied(f"[lab] {sections.DISABLE_BULK}")
        return view(request, *args, **kwargs)

    return checked


@require_safe
@looks
def jobs(request: HttpRequest) -> HttpResponse:
    """Who had what done with many callbacks, newest first."""
    found = Job.objects.visible_to(request.user).order_by("-asked_at", "-id")[:MOST_JOBS]
    context = {"title": _("Jobs"), "jobs": found}
    return live.respond(request, "jobs/list.html", "jobs/rows.html", context, url=request.path, seconds=LIST_SECONDS)


@require_safe
@looks
def job(request: HttpRequest, pk: int) -> HttpResponse:
    """One job: how far it is, and what became of each callback. It keeps itself up to date until it is over."""
    shown = get_object_or_404(Job.objects.visible_to(request.user), pk=pk)
    counted = dict(shown.rows.order_by().values_list("outcome").annotate(count=Count("pk")))
    context = {
        "title": f"{shown.get_kind_display()} {shown.pk}",
        "job": shown,
        "ends_at": shown.ends_at(timezone.now()),
        "may_stop": not shown.is_over and _may_stop(request, shown),
        "fetches": shown.kind == Job.Kind.EXPORT and shown.state == Job.State.WAITING and shown.user == request.user,
        "outcomes": [(JobRow(outcome=each), counted[each]) for each in JobRow.Outcome if each and each in counted],
        "rows": _shown_rows(shown),
        "most_rows": MOST_ON_PAGE,
    }
    seconds = None if shown.is_over else JOB_SECONDS
    return live.respond(request, "jobs/job.html", "jobs/progress.html", context, url=request.path, seconds=seconds)


@require_POST
@acts
@enabled
def cancel(request: HttpRequest) -> HttpResponse:
    """What is about to be cancelled: those that were ticked, or all of the view. Nothing is changed yet."""
    now = timezone.now()
    view = _view(request, now)
    ids = request.POST.getlist("id")[:MOST_ON_PAGE]
    ticked = Callback.objects.visible_to(request.user).filter(pk__in=[each.replace("\0", "") for each in ids])
    context = {
        "title": _("Cancel callbacks"),
        "view": view,
        "callbacks": [(each, _seen(each)) for each in ticked.order_by(*view.order)],
        "count": _counted(view.rows(_user(request)).exclude(state=State.COMPLETED)),
        "form": uuid.uuid4(),
        "as_of": now.isoformat(),
    }
    return render(request, "jobs/confirm.html", context)


@require_POST
@acts
@enabled
def cancel_start(request: HttpRequest) -> HttpResponse:
    """What was confirmed becomes a job."""
    now = timezone.now()
    as_of = _as_of(request, now)
    view, form = _view(request, as_of), _form(request)
    seen = [found for text in request.POST.getlist("callback") if (found := _read_seen(text))]
    whole_range = request.POST.get("range") == "all"
    if form is None or view.errors or (not whole_range and not 1 <= len(seen) <= MOST_ON_PAGE):
        text = _("Nothing was cancelled: tick from 1 to %(most)s callbacks, or choose all of the time range.")
        messages.warning(request, text % {"most": MOST_ON_PAGE})
        return _back(view)
    if whole_range:
        asked = asking.cancel_range(form=form, view=view, user=_user(request), as_of=as_of, now=now)
    else:
        asked = asking.cancel_page(form=form, seen=seen, view=view, user=_user(request), now=now)
    return redirect("job", asked.pk)


@require_POST
@looks
@enabled
def export(request: HttpRequest) -> HttpResponse:
    """Whoever may see a list may have it as a file; who did is kept."""
    now = timezone.now()
    view = _view(request, now)
    if view.errors:
        messages.warning(request, _("Nothing was downloaded: the list could not be read as it was asked for."))
        return _back(view)
    asked = asking.export(form=_form(request) or uuid.uuid4(), view=view, user=_user(request), now=now)
    return redirect("job", asked.pk)


@require_POST
@looks
@enabled
def fetch(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The file itself, once, for who asked for it."""
    begun = exporting.begin(pk, _user(request), now=timezone.now())
    if begun is None:
        get_object_or_404(Job.objects.visible_to(request.user), pk=pk)
        messages.warning(request, _("This file was downloaded before, or was stopped. Ask for a new one in the list."))
        return redirect("job", pk)
    name = f"callbacks-{timezone.localtime(begun.as_of):%Y-%m-%d-%H%M}.csv"
    return _file(exporting.stream(begun, _user(request)), name)


@require_POST
@looks
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    """What is done stays done; the rest is left as it is."""
    found = get_object_or_404(Job.objects.visible_to(request.user), pk=pk)
    if not _may_stop(request, found):
        raise PermissionDenied
    if end(pk, Job.State.STOPPED, timezone.now(), stopped_by=request.user.get_username()):
        messages.success(request, _("Stopped. What was done until now stays done."))
    else:
        messages.warning(request, _("It was over already."))
    return redirect("job", pk)


@require_safe
@looks
def summary(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The Cancellation Summary Report: what became of each callback."""
    found = get_object_or_404(Job.objects.visible_to(request.user), pk=pk, kind=Job.Kind.CANCEL)
    return _file(reports.summary(found), f"CancellationSummaryReport-{pk}.csv")


@require_safe
@looks
def cancelled(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The callbacks that this job cancelled."""
    found = get_object_or_404(Job.objects.visible_to(request.user), pk=pk, kind=Job.Kind.CANCEL)
    return _file(reports.cancelled(found, _user(request)), spreadsheets.REPORT)


def _user(request: HttpRequest) -> User:
    """Whoever is signed in, which every page here asks for."""
    return cast("User", request.user)


def _counted(rows: CallbackQuerySet) -> str:
    """How many, in words, up to a bound; by a filter that has no index it may take too long."""
    try:
        with transaction.atomic():
            count = rows.order_by()[: MOST_COUNTED + 1].count()
    except OperationalError:
        return _("too many to be counted")
    return f"{MOST_COUNTED:,}+" if count > MOST_COUNTED else f"{count:,}"


def _may_stop(request: HttpRequest, job: Job) -> bool:
    """Who steers callbacks may stop every job they see; who only looks, their own."""
    return request.user.has_perm(ACT) or job.user_id == request.user.pk


def _shown_rows(job: Job) -> list[JobRow]:
    """Of a page all, in its order; of a whole range those that failed, then the last that were cancelled."""
    rows = job.rows.order_by("pk")
    if not job.whole_range:
        return list(rows[:MOST_ON_PAGE])
    bad = [outcome for outcome in JobRow.Outcome.values if outcome and outcome not in JobRow.GOOD]
    failed = list(rows.filter(outcome__in=bad)[:MOST_ON_PAGE])
    good = rows.filter(outcome__in=JobRow.GOOD).order_by("-pk")
    return failed + list(good[: MOST_ON_PAGE - len(failed)])


def _view(request: HttpRequest, now: datetime) -> View:
    return View.read(QueryDict(request.POST.get("view", "")), user=_user(request), now=now)


def _back(view: View) -> HttpResponse:
    return redirect(f"{reverse('callback-list')}?{view.query}" if view.query else reverse("callback-list"))


def _form(request: HttpRequest) -> uuid.UUID | None:
    try:
        return uuid.UUID(request.POST.get("form", ""))
    except ValueError:
        return None


def _as_of(request: HttpRequest, now: datetime) -> datetime:
    """When the page that is now confirmed was shown; now, where that is not said or was not today."""
    try:
        as_of = datetime.fromisoformat(request.POST.get("as_of", ""))
    except ValueError:
        return now
    return as_of if as_of.tzinfo and now - timedelta(days=1) < as_of <= now else now


def _seen(callback: Callback) -> str:
    """A callback as the person sees it: its id, and its desired time in microseconds."""
    return f"{(callback.desired_at - EPOCH) // timedelta(microseconds=1)}.{callback.pk}"


def _read_seen(text: str) -> tuple[str, datetime] | None:
    microseconds, _dot, pk = text.partition(".")
    try:
        return pk.replace("\0", "")[:64], EPOCH + timedelta(microseconds=int(microseconds))
    except (ValueError, OverflowError):
        return None


def _file(lines: Generator[str], name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(_bytes(lines), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _bytes(lines: Generator[str]) -> Iterator[bytes]:
    """Closed with the answer: `lines` learns at once that nobody fetches on."""
    with closing(lines):
        for line in lines:
            yield line.encode()
