"""The acts on one callback: each a form in place, or a page of its own without JavaScript.

A form carries what its reader saw of what the act changes. Where that is no longer so, nothing is changed, the answer
says who changed it to what, and what was typed stands in the form again, beside what there is now.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from callbacks import configured, steering
from callbacks.flow import projections
from callbacks.flow.session import SESSION, Session
from callbacks.models import Callback
from callbacks.pages import act_forms, times
from callbacks.pages.access import SEE_NUMBERS, acts
from callbacks.pages.act_forms import Row
from callbacks.pages.refusals import REFUSALS, words
from callbacks.steering import Act, AlreadySo, MovedOn
from callbacks.templatetags.acts import NAMES
from telephony import estimates

LONGEST_ACTOR = 64
BUTTONS: Mapping[Act, Promise] = {
    Act.CALL_NOW: gettext_lazy("Call the customer now"),
    Act.RESCHEDULE: gettext_lazy("Move it"),
    Act.PRIORITY: gettext_lazy("Change priority"),
    Act.ASSIGN: gettext_lazy("Assign"),
    Act.EDIT: gettext_lazy("Save"),
    Act.NOTE: gettext_lazy("Write it down"),
    Act.SERVED: gettext_lazy("Mark as served"),
    Act.CANCEL: gettext_lazy("Cancel callback"),
}
FORMS: Mapping[Act, type[forms.Form]] = {
    Act.RESCHEDULE: act_forms.TimeForm,
    Act.PRIORITY: act_forms.PriorityForm,
    Act.ASSIGN: act_forms.AssignForm,
    Act.NOTE: act_forms.NoteForm,
}
# A button of a form that only asks it to be shown anew: another day, more rows.
SHOW = "show"


@dataclass(frozen=True)
class Sent:
    """A form as it came in: what was typed, what was seen, and by whom."""

    values: Mapping[str, Any]
    seen: str
    form: str
    actor: str
    now: datetime
    rows: list[Row] = field(default_factory=list)
    number: str | None = None


@dataclass(frozen=True)
class Undo:
    """What takes an act back: the same act, to what was seen before it."""

    values: Mapping[str, str]
    at: datetime | None = None


def actor_of(request: HttpRequest) -> str:
    """Whom the timeline names."""
    return request.user.get_username()[:LONGEST_ACTOR]


@require_safe
@acts
def buttons(request: HttpRequest, callback_id: str) -> HttpResponse:
    """The acts that are possible now; the page asks again whenever it has changed."""
    return render(request, "acts/buttons.html", {"callback": _callback(request, callback_id)})


@require_http_methods(["GET", "HEAD", "POST"])
@acts
def act(request: HttpRequest, callback_id: str, act: str) -> HttpResponse:
    """One act: its form, and what came of it."""
    if act not in {*Act}:
        raise Http404
    callback, wanted, now = _callback(request, callback_id), Act(act), timezone.now()
    if wanted is Act.RECREATE:
        return redirect(f"{reverse('callback-new')}?{urlencode({'from': callback.pk})}")
    if request.method == "POST":
        return _act(request, callback, wanted, now)
    if (was := request.GET.get("was")) is not None and wanted in _UNDOABLE:
        return _done(request, callback, wanted, _undo(wanted, callback, was, now))
    if wanted not in steering.possible(callback, now):
        return _impossible(request, callback, wanted)
    return _show(request, callback, wanted, now)


def _callback(request: HttpRequest, callback_id: str) -> Callback:
    visible = Callback.objects.visible_to(request.user).select_related("service")
    return get_object_or_404(visible, pk=callback_id)


def _act(request: HttpRequest, callback: Callback, wanted: Act, now: datetime) -> HttpResponse:
    form = FORMS.get(wanted, act_forms.CancelForm)(request.POST)
    rows = act_forms.rows_from(request.POST, act_forms.mandatory(callback)) if wanted is Act.EDIT else []
    if SHOW in request.POST:
        return _show(request, callback, wanted, now, form=form, rows=rows, is_checked=False)
    number, number_error = _number(request, callback) if wanted is Act.EDIT else (None, "")
    if not form.is_valid() or number_error or any(row.error for row in rows):
        return _show(request, callback, wanted, now, form=form, rows=rows, number_error=number_error, status=422)
    sent = Sent(
        form.cleaned_data,
        request.POST.get("seen", ""),
        request.POST.get("form", ""),
        actor_of(request),
        now,
        rows,
        number,
    )
    before = _shown(wanted, callback)
    try:
        PERFORM[wanted](callback, sent)
    except AlreadySo as so:
        return _show(request, _callback(request, callback.pk), wanted, now, moved=so, status=409)
    except MovedOn as moved:
        again = _callback(request, callback.pk)
        return _show(request, again, wanted, now, form=form, rows=rows, moved=moved, status=409)
    except REFUSALS as refused:
        again = _callback(request, callback.pk)
        if wanted not in steering.possible(again, now):
            return _impossible(request, again, wanted, status=409)
        return _show(request, again, wanted, now, form=form, rows=rows, problem=words(refused), status=409)
    return _succeeded(request, _callback(request, callback.pk), wanted, before, now)


def _number(request: HttpRequest, callback: Callback) -> tuple[str | None, str]:
    """The number that was typed, None where it stays, and what is wrong with it."""
    text = request.POST.get("number", "").strip()
    if not text or text == callback.number_for(request.user):
        return None, ""
    try:
        return act_forms.read_number(text), ""
    except forms.ValidationError as error:
        return None, error.messages[0]


# ---- what each act does


def _cancel(callback: Callback, sent: Sent) -> None:
    steering.cancel(callback_id=callback.pk, seen=sent.seen, actor=sent.actor, now=sent.now)


def _served(callback: Callback, sent: Sent) -> None:
    steering.mark_served(callback_id=callback.pk, seen=sent.seen, actor=sent.actor, now=sent.now)


def _call_now(callback: Callback, sent: Sent) -> None:
    steering.call_now(callback_id=callback.pk, seen=sent.seen, actor=sent.actor, now=sent.now)


def _reschedule(callback: Callback, sent: Sent) -> None:
    at = times.read(sent.values["at"])
    steering.reschedule(callback_id=callback.pk, desired_at=at, seen=sent.seen, actor=sent.actor, now=sent.now)


def _prioritise(callback: Callback, sent: Sent) -> None:
    priority = sent.values["priority"]
    steering.prioritise(callback_id=callback.pk, priority=priority, seen=sent.seen, actor=sent.actor, now=sent.now)


def _assign(callback: Callback, sent: Sent) -> None:
    agent, seconds = sent.values["agent"], sent.values["seconds"] or 0
    steering.assign(
        callback_id=callback.pk, agent=agent, seconds=seconds, seen=sent.seen, actor=sent.actor, now=sent.now
    )


def _edit(callback: Callback, sent: Sent) -> None:
    edit = act_forms.edit_of(sent.rows, sent.number)
    steering.edit(callback_id=callback.pk, edit=edit, seen=sent.seen, actor=sent.actor, now=sent.now)


def _note(callback: Callback, sent: Sent) -> None:
    text, form = sent.values["text"], sent.form or uuid.uuid4().hex
    steering.note(callback_id=callback.pk, text=text, form=form, actor=sent.actor, now=sent.now)


PERFORM: Mapping[Act, Callable[[Callback, Sent], None]] = {
    Act.CANCEL: _cancel,
    Act.SERVED: _served,
    Act.CALL_NOW: _call_now,
    Act.RESCHEDULE: _reschedule,
    Act.PRIORITY: _prioritise,
    Act.ASSIGN: _assign,
    Act.EDIT: _edit,
    Act.NOTE: _note,
}


# ---- taking back


def _shown(wanted: Act, callback: Callback) -> str:
    """What stands there before an act, as its undo writes it."""
    options, _error = configured.options(callback)
    session = SESSION.validate_python(callback.session)
    if wanted is Act.RESCHEDULE:
        return times.value_of(session.desired_at)
    if wanted is Act.PRIORITY and options:
        return str(projections.priority(session, options))
    if wanted is Act.ASSIGN and options:
        agent, seconds = projections.preferred(session, options)
        return f"{seconds} {agent}"
    return ""


_UNDOABLE = frozenset({Act.RESCHEDULE, Act.PRIORITY, Act.ASSIGN})


def _undo(wanted: Act, callback: Callback, before: str, now: datetime) -> Undo | None:
    """How to go back to what was there before; None where that is not possible any more."""
    if wanted not in steering.possible(callback, now):
        return None
    if wanted is Act.RESCHEDULE:
        at = times.read(before)
        return Undo({"at": before}, at) if at and at > now else None
    if wanted is Act.PRIORITY:
        return Undo({"priority": before})
    if wanted is Act.ASSIGN:
        seconds, _blank, agent = before.partition(" ")
        return Undo({"agent": agent, "seconds": seconds if agent else ""})
    return None


# ---- what is shown


def _context(callback: Callback, wanted: Act) -> dict[str, Any]:
    options, _error = configured.options(callback)
    session = SESSION.validate_python(callback.session)
    agent, seconds = projections.preferred(session, options) if options else ("", 0)
    return {
        "title": f"{NAMES[wanted]}",
        "callback": callback,
        "act": wanted,
        "button": BUTTONS[wanted],
        "seen": steering.seen_of(wanted, callback, options),
        "token": uuid.uuid4().hex,
        "session": session,
        "priority": projections.priority(session, options) if options else None,
        "assigned": agent,
        "assigned_seconds": seconds,
        "is_agent_first": options is not None and projections.is_agent_first(options),
    }


def _show(
    request: HttpRequest,
    callback: Callback,
    wanted: Act,
    now: datetime,
    *,
    form: forms.Form | None = None,
    rows: list[Row] | None = None,
    number_error: str = "",
    moved: MovedOn | None = None,
    problem: str = "",
    is_checked: bool = True,
    status: int = 200,
) -> HttpResponse:
    """The form of an act, with what was typed into it, and what became of it where that was nothing."""
    context = _context(callback, wanted)
    if form is not None and not is_checked:
        form.errors.clear()
    context |= {
        "form": form,
        "typed": form.data if form is not None else {},
        "moved": moved,
        "is_so": isinstance(moved, AlreadySo),
        "is_mine": moved is not None and moved.last is not None and moved.last.actor == actor_of(request),
        "is_possible": wanted in steering.possible(callback, now),
        "problem": problem,
        "number_error": number_error,
        **_fields(request, callback, wanted, form, rows, now, context["session"]),
    }
    return _panel(request, "acts/form.html", context, status=status)


def _fields(
    request: HttpRequest,
    callback: Callback,
    wanted: Act,
    form: forms.Form | None,
    rows: list[Row] | None,
    now: datetime,
    session: Session,
) -> dict[str, Any]:
    """What the fields of one act need beside."""
    typed = form.data if isinstance(form, forms.Form) else QueryDict()
    if wanted is Act.RESCHEDULE and callback.service is not None:
        picked = times.times(
            callback.service,
            number=callback.customer_number,
            properties=callback.properties,
            day=times.read_day(typed.get("day", "")),
            chosen=typed.get("at", ""),
            now=now,
        )
        return {"times": picked}
    if wanted is Act.PRIORITY:
        return {"position": estimates.position(callback.pk, now=now)}
    if wanted is Act.ASSIGN:
        return {"agents": act_forms.agents(typed.get("agent", "")), "default_seconds": 300}
    if wanted is Act.EDIT:
        shown = act_forms.rows_of(callback) if rows is None else _beside(rows, callback)
        number = callback.number_for(request.user)
        return {
            "rows": shown,
            "spare_rows": range(act_forms.SPARE_ROWS),
            "number": typed.get("number", number),
            "sees_numbers": request.user.has_perm(SEE_NUMBERS),
        }
    return {}


def _beside(rows: list[Row], callback: Callback) -> list[Row]:
    """What was typed, with what there is now of the same keys: that is what the next try changes."""
    now = {row.key: row.text for row in act_forms.rows_of(callback)}
    typed = {row.key for row in rows}
    again = [
        Row(row.key, row.text, now.get(row.key, ""), row.is_new and row.key not in now, row.is_needed, row.error)
        for row in rows
    ]
    return again + [row for row in act_forms.rows_of(callback) if row.key not in typed]


def _succeeded(request: HttpRequest, callback: Callback, wanted: Act, before: str, now: datetime) -> HttpResponse:
    if "HX-Request" in request.headers:
        return _done(request, callback, wanted, _undo(wanted, callback, before, now))
    if wanted in _UNDOABLE:
        return redirect(f"{reverse('callback-act', args=[callback.pk, wanted])}?{urlencode({'was': before})}")
    messages.success(request, f"{DONE[wanted]}")
    return redirect("callback-detail", callback.pk)


DONE: Mapping[Act, Promise] = {
    Act.CANCEL: gettext_lazy("Cancelled: nobody is called for it any more."),
    Act.SERVED: gettext_lazy("Marked as served: nobody is called for it any more."),
    Act.CALL_NOW: gettext_lazy("It goes on at once; the timeline says how."),
    Act.EDIT: gettext_lazy("Saved; the timeline says what was changed."),
    Act.NOTE: gettext_lazy("Written into the timeline."),
}


def _done(request: HttpRequest, callback: Callback, wanted: Act, undo: Undo | None) -> HttpResponse:
    context = _context(callback, wanted) | {"undo": undo, "said": DONE.get(wanted, "")}
    if wanted is Act.PRIORITY:
        context["position"] = estimates.position(callback.pk, now=timezone.now())
    response = _panel(request, "acts/done.html", context)
    # The page shows it at once instead of at its next refresh.
    response["HX-Trigger"] = "callback-changed"
    return response


def _impossible(request: HttpRequest, callback: Callback, wanted: Act, *, status: int = 200) -> HttpResponse:
    last = steering.told_last(callback, Act.CANCEL)
    context = {"title": f"{NAMES[wanted]}", "callback": callback, "act": wanted, "last": last}
    return _panel(request, "acts/impossible.html", context, status=status)


def _panel(request: HttpRequest, panel: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """The panel alone for a page that puts it in; a page of its own for a reader without JavaScript."""
    if "HX-Request" in request.headers:
        # What is answered with an error is not put in.
        return render(request, panel, context)
    return render(request, "acts/page.html", {**context, "panel": panel}, status=status)
