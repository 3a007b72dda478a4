"""What an installation still lacks, for the start page of the admin: each with why, what was found, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils.translation import gettext as _

from callbacks.push.configuration import load
from callbacks.push.devices import enabled_kinds
from callbacks.push.remarks import judge
from services import resolution
from services.catalogue import OptionError
from services.models import START, ApiKey, ConfiguredService
from services.readiness import Readiness
from services.types import CALLBACK
from telephony.models import Agent, Switch

# The start page must not take longer the more is configured: of more services than that the first are looked at.
MOST_SERVICES = 100
NAMED = 3
# What a group of this name is for is written in docs/people.md.
SUPERVISORS = "Supervisor"


@dataclass(frozen=True)
class Check:
    """`why` is what it is good for; `found` what keeps it from being done, or a figure; `url` where it is done."""

    text: str
    why: str
    url: str
    done: bool
    found: str = ""


def checks(now: datetime) -> list[Check]:
    """What there is to configure, in the order in which one needs it."""
    services = list(ConfiguredService.objects.of_type(CALLBACK.name).order_by("name")[:MOST_SERVICES])
    return [
        _switch(),
        _services(services),
        _hours(services),
        _phones(),
        _users(),
        _targets(services),
        _roles(),
        _keys(now),
        _push(services),
        _email(),
        _countries(services),
        _brake(services),
    ]


def _switch() -> Check:
    real = Switch.objects.exclude(kind=Switch.Kind.SIMULATOR).count()
    simulated = Switch.objects.filter(kind=Switch.Kind.SIMULATOR).exists()
    return Check(
        _("A telephone switch"),
        _("It makes the calls; a simulator calls nobody."),
        reverse("admin:telephony_switch_changelist"),
        real > 0,
        _("There is only a simulator.") if simulated and not real else "",
    )


def _services(services: Sequence[ConfiguredService]) -> Check:
    readiness = Readiness()
    broken = [service.name for service in services if readiness.problems(service)]
    return Check(
        _("Callback services that can work"),
        _("Clients ask for callbacks at the address of one; its page says what it lacks."),
        reverse("admin:services_configuredservice_changelist") + ("?state=broken" if broken else ""),
        bool(services) and not broken,
        _("Not ready: %(names)s.") % {"names": _named(broken)} if broken else "",
    )


def _hours(services: Sequence[ConfiguredService]) -> Check:
    without = [service.name for service in services if not _said(service, "_business_hours_service")]
    return Check(
        _("Office hours"),
        _("Without them callbacks are promised and customers called at any hour."),
        reverse("admin:services_configuredservice_changelist"),
        bool(services) and not without,
        _("Without office hours: %(names)s.") % {"names": _named(without)} if without else "",
    )


def _phones() -> Check:
    without = list(Agent.objects.filter(sip_address="", place=None).order_by("name").values_list("name", flat=True))
    return Check(
        _("Agents with a phone"),
        _("Customers are joined with the phone of the agent, or with that of the place where the agent sits."),
        reverse("admin:telephony_agent_changelist"),
        Agent.objects.exists() and not without,
        _("Without one: %(names)s.") % {"names": _named(without)} if without else "",
    )


def _users() -> Check:
    without = list(Agent.objects.filter(user=None).order_by("name").values_list("name", flat=True)[: MOST_SERVICES + 1])
    return Check(
        _("Agents who can sign in"),
        _("At the desk an agent says when to get calls; for that the agent needs a user."),
        reverse("admin:telephony_agent_changelist"),
        Agent.objects.exists() and not without,
        _("Without a user: %(names)s.") % {"names": _named(without)} if without else "",
    )


def _targets(services: Sequence[ConfiguredService]) -> Check:
    readiness = Readiness()
    nobody = [
        service.name
        for service in services
        if any(found.option == "_target" for found in readiness.missing_of(service))
    ]
    return Check(
        _("Targets that match somebody"),
        _("A callback waits in vain where nobody is meant by its target."),
        reverse("admin:telephony_agentgroup_changelist"),
        bool(services) and not nobody,
        _("Nobody for: %(names)s.") % {"names": _named(nobody)} if nobody else "",
    )


def _roles() -> Check:
    given = Group.objects.filter(name=SUPERVISORS, user__is_active=True).exists()
    return Check(
        _("Somebody who supervises"),
        _("The role Supervisor sees the board and the callbacks, and acts on them."),
        reverse("admin:auth_user_changelist"),
        given,
        "" if given else _("Nobody has the role."),
    )


def _keys(now: datetime) -> Check:
    return Check(
        _("A key for clients"),
        _("With a key that has the scope start, a web site or an app asks for callbacks."),
        reverse("admin:services_apikey_changelist"),
        settings.API_ALLOW_ANONYMOUS or any(START in key.scopes and key.is_usable(now) for key in ApiKey.objects.all()),
    )


def _push(services: Sequence[ConfiguredService]) -> Check:
    asks = any(_said(service, "_wait_for_user_confirm") for service in services)
    configured = load("")
    faults = [sentence for _kind, sentence in judge(configured) if sentence]
    kinds = enabled_kinds(configured.text("push", "pushEnabled"))
    return Check(
        _("Notification providers"),
        _("Customers who are asked before they are called are asked by a push or a text message."),
        reverse("admin:services_section_changelist"),
        not faults and (bool(kinds) or not asks),
        faults[0] if faults else "",
    )


def _email() -> Check:
    return Check(
        _("A server for e-mails"),
        _("Who has lost a password gets a link to a new one; set EMAIL_URL where the service is started."),
        "",
        bool(settings.EMAIL_URL),
    )


def _countries(services: Sequence[ConfiguredService]) -> Check:
    every = [service.name for service in services if not _said(service, "_allowed_countries")]
    return Check(
        _("Countries that may be called"),
        _("Whoever asks for callbacks to dear numbers abroad makes you pay for them (toll fraud)."),
        reverse("admin:services_section_changelist"),
        bool(services) and not every,
        _("Every country: %(names)s.") % {"names": _named(every)} if every else "",
    )


def _brake(services: Sequence[ConfiguredService]) -> Check:
    limits = ("_max_dials_per_hour", "_max_dials_per_day")
    without = [service.name for service in services if not any(_said(service, limit) for limit in limits)]
    return Check(
        _("A brake on spending"),
        _("So many customers an hour or a day are dialled before somebody has to look."),
        reverse("admin:services_section_changelist"),
        bool(services) and not without,
        _("Without limit: %(names)s.") % {"names": _named(without)} if without else "",
    )


def _said(service: ConfiguredService, name: str) -> bool:
    """True where an option says something: a text, a figure above zero, yes. What cannot be read is no answer."""
    try:
        return bool(resolution.resolve_one(service, name))
    except (OptionError, LookupError):
        return False


def _named(names: Sequence[str]) -> str:
    """The first names, and how many more."""
    more = len(names) - NAMED
    listed = ", ".join(names[:NAMED])
    if more <= 0:
        return listed
    return _("%(names)s and %(more)s more") % {"names": listed, "more": more}
