"""The supervisors' pages of agents: who is where, since when, on what; and setting one agent's state."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from callbacks import staff
from callbacks.audit import repair, run
from callbacks.models import AuditFinding, Callback
from callbacks.pages.access import ACT, acts, looks
from callbacks.staff import Filter
from callbacks.standing import Standing, just_now
from callbacksite import live
from services import people
from telephony import agents, forcing
from telephony.forcing import Wish
from telephony.forms import NotReadyForm
from telephony.models import Agent, AgentGroup, ForcedChange, Skill

SECONDS = 2
PAGE_SIZE = 100
# Of one agent's history.
MOST_CHANGES = 30
MOST_NAME = 64
SORTS = {"state": gettext_lazy("State"), "name": gettext_lazy("Name"), "since": gettext_lazy("Longest in their state")}


class ForceForm(NotReadyForm):
    """To which state an agent is set, why not ready, and why at all: the agent reads that."""

    state = forms.ChoiceField(
        choices=Wish.choices,
        label=gettext_lazy("Set to"),
        error_messages=dict.fromkeys(["required", "invalid_choice"], gettext_lazy("Choose a state.")),
    )
    why = forms.CharField(
        max_length=200,
        label=gettext_lazy("Why"),
        error_messages={
            "required": gettext_lazy("Say why: the agent reads it at the desk. At most 200 characters."),
            "max_length": gettext_lazy("At most 200 characters, please."),
        },
    )
    shown = forms.CharField(max_length=200, required=False, widget=forms.HiddenInput)

    field_order = ("state", "reason", "words", "why")

    def __init__(self, data: Any = None, **more: Any) -> None:
        super().__init__(data, **more)
        # Of the other states there is none.
        self.fields["reason"].required = bool(data) and data.get("state") == Wish.NOT_READY


@require_safe
@looks
def listed(request: HttpRequest) -> HttpResponse:
    """All agents whom the person may see, by what the address asks for."""
    now = timezone.now()
    standing = just_now.get(now)
    asked, kept = _asked(request.GET, request, standing)
    seen = staff.visible(request.user, standing)
    page = Paginator(staff.chosen(seen, asked).select_related("place"), PAGE_SIZE).get_page(request.GET.get("page"))
    rows = staff.rows(list(page.object_list), request.user, now)
    counted = staff.counted(seen)
    query = kept.copy()
    if page.number > 1:
        query["page"] = str(page.number)
    url = reverse("agents") + (f"?{query.urlencode()}" if query else "")
    version = live.version_of(rows, counted, page.paginator.count, url, translation.get_language(), _zone())
    if live.is_seen(request, version):
        return live.unchanged()
    may_act = request.user.has_perm(ACT)
    context = {
        "title": _("Agents"),
        "rows": rows,
        "page": page,
        "counted": [(state.value, state.label, counted.get(state.value, 0)) for state in staff.ORDER],
        "total": sum(counted.values()),
        "asked": asked,
        "kept": kept.urlencode(),
        "filtered": bool(kept),
        "groups": AgentGroup.objects.order_by("name").values_list("name", flat=True),
        "skills": Skill.objects.order_by("name").values_list("name", flat=True),
        "sorts": SORTS.items(),
        "queue": request.GET.get("queue", ""),
        "service": request.GET.get("service", ""),
        "may_act": may_act,
        "url": reverse("agents"),
    }
    return live.respond(
        request, "agents/list.html", "agents/rows.html", context, url=url, seconds=SECONDS, version=version
    )


@require_safe
@looks
def one(request: HttpRequest, agent_id: int) -> HttpResponse:
    """One agent: what they do, who set them to it before, and the form that sets their state."""
    return _one(request, agent_id, None)


@require_POST
@acts
def force(request: HttpRequest, agent_id: int) -> HttpResponse:
    """Set an agent's state, unless it is another one by now than was seen."""
    now = timezone.now()
    agent = get_object_or_404(staff.visible(request.user, just_now.get(now)), pk=agent_id)
    form = ForceForm(request.POST)
    if not form.is_valid():
        return _one(request, agent_id, form, status=422)
    wish = Wish(form.cleaned_data["state"])
    try:
        change = forcing.force(
            agent_id,
            wish,
            shown=form.cleaned_data["shown"],
            reason=form.text if wish is Wish.NOT_READY else "",
            why=form.cleaned_data["why"],
            by=request.user.get_username(),
            now=now,
        )
    except Agent.DoesNotExist:
        raise Http404 from None
    except forcing.Moved as moved:
        said = _("%(name)s is %(state)s by now. Nothing was changed: look again, and set it anew if you still want to.")
        form.add_error(None, said % {"name": agent.name, "state": _state_words(moved.agent)})
    except forcing.AlreadySo:
        form.add_error(None, _("%(name)s is so already. Nothing was changed.") % {"name": agent.name})
    except agents.PlaceRefused as refused:
        form.add_error(None, _("Nothing was changed: %(why)s") % {"why": refused})
    else:
        messages.success(request, _done(change))
        return redirect("agent", agent_id)
    return _one(request, agent_id, form, status=409)


@require_POST
@acts
def release(request: HttpRequest, agent_id: int) -> HttpResponse:
    """Have the audit mend what it found of the callback for which an agent is reserved without reason."""
    now = timezone.now()
    agent = get_object_or_404(staff.visible(request.user, just_now.get(now)), pk=agent_id)
    owner = agent.reserved_for or ""
    found = AuditFinding.objects.open().filter(kind=AuditFinding.Kind.RESERVED, owner=owner)
    if not owner or owner != request.POST.get("owner") or not found.exists():
        messages.warning(request, _("Nothing was released: the audit finds nothing wrong with this agent any more."))
        return redirect("agent", agent_id)
    if not _may_release(request, owner):
        messages.warning(request, _("Nothing was released: the callback is one of a service that you do not see."))
        return redirect("agent", agent_id)
    done = repair.repair([owner], listing=run.list_switches(), now=now, actor=request.user.get_username())
    if sentences := done.get(owner):
        found.update(gone_at=now, repaired_at=now)
        messages.success(request, " ".join(sentences))
    else:
        messages.warning(request, _("Nothing was released: the audit finds nothing to mend. It looks again by itself."))
    return redirect("agent", agent_id)


def _may_release(request: HttpRequest, owner: str) -> bool:
    """The audit mends the callback and not the agent alone: whoever is limited may have it mend what they see."""
    if not people.is_limited(request.user):
        return True
    return Callback.objects.visible_to(request.user).filter(pk=owner).exists()


def _one(request: HttpRequest, agent_id: int, form: ForceForm | None, status: int = 200) -> HttpResponse:
    now = timezone.now()
    visible = staff.visible(request.user, just_now.get(now))
    agent = get_object_or_404(visible.select_related("place", "user"), pk=agent_id)
    row = staff.rows([agent], request.user, now)[0]
    changes = list(ForcedChange.objects.filter(agent=agent).order_by("-pk")[: MOST_CHANGES + 1])
    may_act = request.user.has_perm(ACT)
    said = [(change.pk, change.told_at) for change in changes]
    version = live.version_of(row, said, may_act, request.path, translation.get_language(), _zone())
    if form is None and live.is_seen(request, version):
        return live.unchanged()
    context = {
        "title": agent.name,
        "row": row,
        "agent": agent,
        "changes": [(change, forcing.Wish(change.state).label) for change in changes[:MOST_CHANGES]],
        "changes_left_out": len(changes) > MOST_CHANGES,
        "form": form or ForceForm(),
        "may_act": may_act,
        "may_release": may_act and bool(row.stuck) and _may_release(request, agent.reserved_for or ""),
    }
    url = reverse("agent", args=[agent_id])
    response = live.respond(
        request, "agents/one.html", "agents/now.html", context, url=url, seconds=SECONDS, version=version
    )
    response.status_code = status if status != 200 else response.status_code
    return response


def _asked(query: QueryDict, request: HttpRequest, standing: Standing) -> tuple[Filter, QueryDict]:
    """What the address asks for, and the same without what is no filter."""
    only = people.limits(request.user)
    states = tuple(state for state in query.getlist("state") if state in Agent.State.values)
    if "all" in query.getlist("state"):
        states = tuple(Agent.State.values)
    queue, service = query.get("queue", ""), query.get("service", "")
    serving: frozenset[str] | None = None
    if queue or service:
        meant = [
            each.pk
            for each in standing.services
            if (only is None or each.pk in only) and (each.queue == queue or each.name == service)
        ]
        serving = frozenset().union(*(standing.keys.get(pk, frozenset()) for pk in meant))
    sort = query.get("sort", "")
    asked = Filter(
        states=states,
        group=_line(query.get("group", "")),
        skill=_line(query.get("skill", "")),
        name=_line(query.get("q", "")),
        serving=serving,
        sort=sort if sort in staff.SORTS else "state",
    )
    kept = query.copy()
    kept.pop("page", None)
    kept.pop("seen", None)
    return asked, kept


def _line(text: str) -> str:
    return text.replace("\0", "").strip()[:MOST_NAME]


def _zone() -> str:
    return str(timezone.get_current_timezone())


def _state_words(agent: Agent) -> str:
    label = str(agent.get_state_display()).lower()
    return f"{label} ({agent.reason})" if agent.reason else label


def _done(change: ForcedChange) -> str:
    said = {"name": change.agent_name, "state": str(Wish(change.state).label).lower()}
    if change.is_later:
        return _("%(name)s will be %(state)s after the present call.") % said
    return _("%(name)s is %(state)s.") % said
