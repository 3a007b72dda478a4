"""Django admin of switches, agents and queues, and for looking only of calls and who waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from scheduling.admin import LookOnlyAdmin
from services.admin.log import LoggedAdmin
from services.reason import ReasonForm
from telephony import lease, numbers, uses
from telephony.models import (
    Agent,
    AgentGroup,
    AgentSkill,
    BlockedNumber,
    Call,
    HourMeasure,
    Leg,
    Place,
    PlaceGroup,
    Prediction,
    QueueEntry,
    QueueMeasure,
    RoutePoint,
    Skill,
    Switch,
    UnconfirmedDeletion,
)
from telephony.models import VirtualQueue as Queue

if TYPE_CHECKING:
    LegInlineBase = admin.TabularInline[Leg, Call]
    SkillInlineBase = admin.TabularInline[AgentSkill, Agent]
    BlockedNumberModelAdmin = admin.ModelAdmin[BlockedNumber]
    BlockedNumberModelForm = forms.ModelForm[BlockedNumber]
else:
    LegInlineBase = SkillInlineBase = admin.TabularInline
    BlockedNumberModelAdmin = admin.ModelAdmin
    BlockedNumberModelForm = forms.ModelForm

ASTERISK_FIELDS = ("ari_url", "ari_user", "ari_password", "ari_app", "detection_context", "sound_prefix")


class NamedInServicesAdmin(LoggedAdmin):
    """Rows that services name in their options: while one does, the row keeps its name and cannot be deleted."""

    form = ReasonForm
    uses: Callable[[Any], list[str]]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Django asks several times for one page: who uses the row is found out once."""
        if obj and not hasattr(obj, "in_use"):
            obj.in_use = bool(self.uses(obj))
        return ("name", *self.readonly_fields) if obj and obj.in_use else tuple(self.readonly_fields)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Django's list of what goes with it; what uses it stands in the way."""
        if in_use := [f"{obj} is used: {use}" for obj in objs for use in self.uses(obj)]:
            return [], {}, set(), in_use
        return super().get_deleted_objects(objs, request)


class SwitchForm(ReasonForm):
    """The password is written, never shown: an empty field keeps the one that is stored."""

    ari_url = Switch._meta.get_field("ari_url").formfield(assume_scheme="http")
    ari_password = forms.CharField(
        label="ARI password",
        max_length=128,
        required=False,
        strip=False,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
    )

    class Meta:
        model = Switch
        fields = ["name", "kind", *ASTERISK_FIELDS]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.ari_password:
            self.fields["ari_password"].help_text = "A password is stored. Leave this empty to keep it."

    def clean_ari_password(self) -> str:
        password: str = self.cleaned_data["ari_password"] or self.instance.ari_password
        return password

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("kind") == Switch.Kind.ASTERISK:
            for name in ("ari_url", "ari_user", "ari_password", "ari_app", "detection_context"):
                if name not in self.errors and not cleaned.get(name):
                    self.add_error(name, "An Asterisk switch needs this.")
        return cleaned


@admin.register(Switch)
class SwitchAdmin(NamedInServicesAdmin):
    form = SwitchForm
    list_display = ("name", "kind", "connected")
    search_fields = ("name",)
    readonly_fields = ("connected", "listener")
    fieldsets = (
        (None, {"fields": ("name", "kind")}),
        ("Asterisk", {"fields": ASTERISK_FIELDS, "description": "Not used by a simulator."}),
        ("Now", {"fields": ("connected", "listener")}),
        (None, {"fields": ("why",)}),
    )
    uses = staticmethod(uses.of_switch)

    @admin.display(boolean=True, description="Connected now")
    def connected(self, switch: Switch) -> bool:
        return bool(switch.pk) and lease.is_live(switch.pk)

    @admin.display(description="Listened to by")
    def listener(self, switch: Switch) -> str:
        return switch.lease_holder or "nobody yet"


class RoutePointForm(ReasonForm):
    class Meta:
        model = RoutePoint
        fields = ["name", "switch", "endpoint"]

    def clean_endpoint(self) -> str:
        endpoint: str = self.cleaned_data["endpoint"]
        try:
            first, second = endpoint.format(number="1"), endpoint.format(number="2")
        except (ValueError, LookupError, AttributeError):
            first = second = ""
        if first == second:
            raise forms.ValidationError("'%(given)s' was given, it must contain {number}", params={"given": endpoint})
        return endpoint


@admin.register(RoutePoint)
class RoutePointAdmin(NamedInServicesAdmin):
    form = RoutePointForm
    list_display = ("__str__", "endpoint", "available")
    list_select_related = ("switch",)
    search_fields = ("name",)
    readonly_fields = ("available",)
    uses = staticmethod(uses.of_route_point)

    @admin.display(description="State")
    def available(self, point: RoutePoint) -> str:
        until = point.unavailable_until
        if until is None or until <= timezone.now():
            return "available"
        return f"resting until {timezone.localtime(until):%H:%M:%S %Z} after {point.failures} failures"


class SkillInline(SkillInlineBase):
    model = AgentSkill
    extra = 1
    verbose_name_plural = "Skills"


class AgentForm(ReasonForm):
    class Meta:
        model = Agent
        fields = ["name", "user", "switch", "sip_address", "number", "place"]

    def clean_number(self) -> str:
        given: str = self.cleaned_data["number"]
        if not (number := numbers.normalised(given)) and given:
            raise forms.ValidationError(
                "'%(given)s' was given, allowed is a telephone number of 1 to 31 digits", params={"given": given}
            )
        return number

    def clean_place(self) -> Place | None:
        place: Place | None = self.cleaned_data["place"]
        if self.instance.state != Agent.State.LOGGED_OUT:
            others = Agent.objects.exclude(pk=self.instance.pk).exclude(state=Agent.State.LOGGED_OUT)
            if place and (there := others.filter(place=place).first()):
                raise forms.ValidationError(f"{there} works at {place} now: choose a place where nobody does.")
        return place


@admin.register(Agent)
class AgentAdmin(NamedInServicesAdmin):
    """The state is for looking only: agents change it at their desk, and the flow does."""

    form = AgentForm
    list_display = ("name", "user", "phone_now", "skills_in_words", "state", "reason", "state_since")
    list_filter = ("state", "groups", "skills__skill")
    list_select_related = ("user", "switch", "place")
    search_fields = ("name", "sip_address", "number", "user__username", "place__name")
    autocomplete_fields = ("user",)
    readonly_fields = ("state", "reason", "state_since")
    fieldsets = (
        (None, {"fields": ("name", "user", "switch", "sip_address", "number", "place")}),
        ("Now", {"fields": ("state", "reason", "state_since")}),
        (None, {"fields": ("why",)}),
    )
    inlines = (SkillInline,)
    uses = staticmethod(uses.of_agent)

    def view_on_site(self, agent: Agent) -> str:
        return reverse("agent", args=[agent.pk])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        agents: QuerySet[Agent] = super().get_queryset(request).prefetch_related("skills__skill")
        return agents

    @admin.display(description="Phone")
    def phone_now(self, agent: Agent) -> str:
        return f"{agent.place.phone} at {agent.place}" if agent.place else agent.sip_address

    @admin.display(description="Skills")
    def skills_in_words(self, agent: Agent) -> str:
        return _listed(f"{held.skill} {held.level}" for held in agent.skills.all())


@admin.register(AgentGroup)
class AgentGroupAdmin(NamedInServicesAdmin):
    list_display = ("name", "members")
    search_fields = ("name",)
    filter_horizontal = ("agents",)
    uses = staticmethod(uses.of_group)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AgentGroup]:
        groups: QuerySet[AgentGroup] = super().get_queryset(request).prefetch_related("agents")
        return groups

    @admin.display(description="Agents")
    def members(self, group: AgentGroup) -> str:
        return _listed(agent.name for agent in group.agents.all())


@admin.register(Queue)
class VirtualQueueAdmin(NamedInServicesAdmin):
    list_display = ("name", "ewt_limit")
    search_fields = ("name",)
    uses = staticmethod(uses.of_queue)

    def view_on_site(self, queue: Queue) -> str:
        """Who waits in it, and how right its estimates were."""
        return reverse("estimates")


@admin.register(Skill)
class SkillAdmin(NamedInServicesAdmin):
    """The name of a skill that agents have stays, and of one that skill expressions name."""

    list_display = ("name", "agents_with_it")
    search_fields = ("name",)

    @staticmethod
    def uses(skill: Skill) -> list[str]:
        held = AgentSkill.objects.filter(skill=skill).select_related("agent").order_by("agent__name")
        return uses.of_skill(skill) + [f"agent {each.agent}" for each in held]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Skill]:
        skills: QuerySet[Skill] = super().get_queryset(request).annotate(agents_count=Count("agents"))
        return skills

    @admin.display(description="Agents", ordering="agents_count")
    def agents_with_it(self, skill: Skill) -> int:
        return int(getattr(skill, "agents_count", 0))


@admin.register(Place)
class PlaceAdmin(NamedInServicesAdmin):
    list_display = ("name", "switch", "phone", "sits_there")
    list_select_related = ("switch",)
    search_fields = ("name", "phone")
    list_filter = ("groups",)
    uses = staticmethod(uses.of_place)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Place]:
        places: QuerySet[Place] = super().get_queryset(request).prefetch_related("agents")
        return places

    @admin.display(description="Agents")
    def sits_there(self, place: Place) -> str:
        return _listed(agent.name for agent in place.agents.all())


@admin.register(PlaceGroup)
class PlaceGroupAdmin(NamedInServicesAdmin):
    list_display = ("name", "members")
    search_fields = ("name",)
    filter_horizontal = ("places",)
    uses = staticmethod(uses.of_place_group)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlaceGroup]:
        groups: QuerySet[PlaceGroup] = super().get_queryset(request).prefetch_related("places")
        return groups

    @admin.display(description="Places")
    def members(self, group: PlaceGroup) -> str:
        return _listed(place.name for place in group.places.all())


@admin.register(QueueEntry)
class QueueEntryAdmin(LookOnlyAdmin):
    list_display = ("owner", "queue", "looked_for", "wants", "paused", "priority", "place_at", "eligible_at")
    list_filter = ("wants", "paused")
    ordering = ("queue", "place_at")
    exclude = ("passed_over", "keys")
    readonly_fields = ("looked_for", "not_to")

    @admin.display(description="Looked for")
    def looked_for(self, entry: QueueEntry) -> str:
        return _listed(entry.keys)

    @admin.display(description="Passed over")
    def not_to(self, entry: QueueEntry) -> str:
        """Agents who are not offered it, each until when."""
        return _listed(
            f"{agent} until {timezone.localtime(datetime.fromtimestamp(until, UTC)):%H:%M:%S}"
            for agent, until in sorted(entry.passed_over.items())
        )


@admin.register(QueueMeasure)
class QueueMeasureAdmin(LookOnlyAdmin):
    list_display = ("queue", "what", "seconds", "measured", "measured_at")
    list_filter = ("what",)
    ordering = ("queue", "what")


@admin.register(HourMeasure)
class HourMeasureAdmin(LookOnlyAdmin):
    list_display = ("queue", "what", "hour", "mean", "measured", "measured_at")
    list_filter = ("what",)
    ordering = ("queue", "what", "hour")


@admin.register(Prediction)
class PredictionAdmin(LookOnlyAdmin):
    list_display = ("queue", "made_at", "ahead", "agents", "ewt", "p90", "outcome", "waited")
    list_filter = ("outcome",)
    search_fields = ("queue",)
    ordering = ("-made_at",)
    show_full_result_count = False


class LegInline(LegInlineBase):
    model = Leg
    fields = ("id", "party", "attempt", "state", "cause", "created_at", "sent_at", "answered_at", "bridge")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Call)
class CallAdmin(LookOnlyAdmin):
    """Without the wish, in which the customer's number stands."""

    list_display = ("owner", "wish_number", "settled", "claim_until", "look_at", "looks")
    list_filter = ("settled",)
    fields = ("owner", "wish_number", "settled", "news", "claim", "claim_until", "look_at", "looks")
    inlines = (LegInline,)


@admin.register(Leg)
class LegAdmin(LookOnlyAdmin):
    """Without the endpoint, in which the customer's number stands."""

    list_display = ("id", "party", "attempt", "state", "switch", "agent", "created_at", "sent_at", "answered_at")
    list_filter = ("state", "party")
    list_select_related = ("switch", "agent")
    ordering = ("-created_at",)
    exclude = ("endpoint",)


@admin.register(UnconfirmedDeletion)
class UnconfirmedDeletionAdmin(LookOnlyAdmin):
    list_display = ("leg", "switch")
    list_select_related = ("switch",)


class BlockedNumberForm(BlockedNumberModelForm):
    """A number, or with a * behind it, or the box, all that begin so. Errors quote no number: they may be logged."""

    number = forms.CharField(
        max_length=64,
        help_text="With its country code, such as +49 30 123456, or as clients send it. +49900* blocks all numbers "
        "that begin so.",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "inputmode": "tel"}),
    )

    class Meta:
        model = BlockedNumber
        fields = ["number", "is_prefix", "until", "reason"]

    def clean_number(self) -> str:
        given: str = self.cleaned_data["number"]
        number = numbers.normalised(given.removesuffix("*"))
        if not number:
            raise forms.ValidationError(
                "This is no telephone number. Allowed are 1 to 31 digits, a + before them and a * after them; spaces "
                "and the signs - . / ( ) between them are left out."
            )
        self.begins_many = given.endswith("*")
        return number

    def clean_until(self) -> datetime | None:
        until: datetime | None = self.cleaned_data["until"]
        if until and "until" in self.changed_data and until <= timezone.now():
            raise forms.ValidationError("This moment is over: choose one that lies ahead, or leave it empty.")
        return until

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "number" in cleaned:
            cleaned["is_prefix"] = cleaned["is_prefix"] or self.begins_many
            same = BlockedNumber.objects.in_force(timezone.now()).filter(
                number=cleaned["number"], is_prefix=cleaned["is_prefix"]
            )
            if there := same.first():
                self.add_error("number", f"{there} is blocked already, by {there.created_by}: {there.reason}")
        return cleaned


class InForceFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("blocked", "blocked now"), ("expired", "expired")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        in_force = BlockedNumber.objects.in_force(timezone.now())
        match self.value():
            case "blocked":
                return queryset.filter(pk__in=in_force)
            case "expired":
                return queryset.exclude(pk__in=in_force)
        return queryset


@admin.register(BlockedNumber)
class BlockedNumberAdmin(BlockedNumberModelAdmin):
    """The block list. It is personal data and no configuration: who did what stands in Django's own log, masked.

    An entry keeps its number, so that the log stays true; the list shows none in full.
    """

    form = BlockedNumberForm
    list_display = ("__str__", "state", "reason", "until", "created_by", "created_at")
    list_filter = (InForceFilter,)
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("reason", "created_by")
    search_help_text = "A whole number: what blocks it. Else a part of the reason, or of who blocked it."
    actions = ("unblock",)

    @admin.display(description="state")
    def state(self, entry: BlockedNumber) -> str:
        return "blocked" if entry.is_in_force(timezone.now()) else "expired"

    def get_fields(self, request: HttpRequest, obj: BlockedNumber | None = None) -> Any:
        return ["number", "is_prefix", "until", "reason", *(("created_by", "created_at") if obj else ())]

    def get_readonly_fields(self, request: HttpRequest, obj: BlockedNumber | None = None) -> tuple[str, ...]:
        return ("number", "is_prefix", "created_by", "created_at") if obj else ()

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        found, may_have_duplicates = super().get_search_results(request, queryset, search_term)
        if number := numbers.normalised(search_term.strip().removesuffix("*")):
            found |= queryset.matching({number})
        return found, may_have_duplicates

    def save_model(self, request: HttpRequest, obj: BlockedNumber, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user.get_username()
        super().save_model(request, obj, form, change)

    @admin.action(description="Unblock the selected numbers", permissions=["change"])
    def unblock(self, request: HttpRequest, queryset: Any) -> None:
        now = timezone.now()
        blocked = list(queryset.in_force(now))
        count = queryset.in_force(now).update(until=now)
        for entry in blocked:
            self.log_change(request, entry, "Unblocked.")
        self.message_user(request, f"Unblocked: {count}.", messages.SUCCESS)


def _listed(names: Iterable[str], most: int = 10) -> str:
    found = sorted(names)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more or "none"
