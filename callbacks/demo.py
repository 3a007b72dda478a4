"""A small contact centre to try the service with: `make run` loads it and makes one call in it.

Only for one's own machine: it has an administrator, and simulated agents who take whatever call they get. What a person
changes in it stays as it is at later starts.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction

from services.models import QUERY, START, ApiKey, ConfiguredService
from telephony import agents
from telephony.models import Agent, AgentGroup, RoutePoint, Switch, VirtualQueue

SWITCH = "SIP_Switch"
AGENTS = ("kate", "omar", "mia")
KEY_NAME = "demo"
PAGE_KEY_NAME = "demo web page"
IMMEDIATE = "voice-userterm-immediate"
SCHEDULED = "user-scheduled"

# Everything that the scenario needs, as both seed documents list it; the rest comes from the preset.
_OPTIONS = {
    "_route_point": f"8999@{SWITCH}",
    "_resource_group": "DNIS",
    "_urs_virtual_queue": "Billing_VQ",
    "_target": "Billing@StatServer.GA",
    "_treatment_customer_connect": "SampleTreatments/customer_announcement.wav",
    "_treatment_waiting_for_agent": "SampleTreatments/next_customer_rep.wav",
    "_treatment_find_agent_fail": "SampleTreatments/all_agents_busy.wav",
    "_treatment_call_failure_answering_machine": json.dumps(
        {"file": "SampleTreatments/call_fail_ans_machine.wav", "hints": {"am-beep-detection": "on"}}
    ),
    "_dial_retry_timeout": "30",
    # Whoever tries it does so with one number, again and again.
    "_enable_in_queue_checking": "false",
    "_throttle_request_parameters_limit": "600",
    "_max_attempts_per_number_per_day": "0",
    "_max_attempts_per_number_per_week": "0",
}
SERVICES: Mapping[str, tuple[str, dict[str, str]]] = {
    IMMEDIATE: ("User Terminated Immediate", _OPTIONS),
    # Nobody is there to confirm on a device.
    SCHEDULED: ("User Terminated Delayed", {**_OPTIONS, "_wait_for_user_confirm": "false"}),
}


class NotHere(Exception):
    """The demo does not belong on this installation."""


@dataclass
class Secrets:
    """What the database keeps only as hashes and the person at the terminal needs: a key and the logins' passwords."""

    api_key: str = ""
    passwords: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Secrets:
        try:
            return cls(**json.loads((folder / "demo.json").read_text()))
        except (FileNotFoundError, json.JSONDecodeError, TypeError):
            return cls()

    def write(self, folder: Path) -> None:
        """Replace the file as a whole; only its owner may read it."""
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / "demo.json.new"
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(self), indent=2) + "\n")
        os.replace(draft, folder / "demo.json")


def load(folder: Path, now: datetime) -> None:
    """Add what is missing, and send the simulated agents to work. Raises NotHere on an installation behind TLS.

    The secrets are written to `folder` before the database knows them: a crash in between leaves a file with a password
    of nobody, not a login with a password that nobody knows.
    """
    if settings.HTTPS:
        raise NotHere("The demo has known agents and an administrator: it is not loaded with HTTPS=true.")
    known = Secrets.read(folder)
    with transaction.atomic():
        _telephony()
        for name, (configuration, options) in SERVICES.items():
            ConfiguredService.objects.get_or_create(
                name=name, defaults={"type": "callback", "configuration": configuration, "options": options}
            )
        _logins(known, folder)
        _api_key(known, folder)
        _page_key()
    for agent in Agent.objects.filter(name__in=AGENTS, sip_address__startswith="sim:"):
        # One who is on a call, after a restart in the middle of it, is ready again when that has ended.
        with suppress(agents.AgentBusy):
            agents.go_ready(agent, now)


def _telephony() -> None:
    switch, _ = Switch.objects.get_or_create(name=SWITCH, defaults={"kind": Switch.Kind.SIMULATOR})
    RoutePoint.objects.get_or_create(name="8999", switch=switch)
    VirtualQueue.objects.get_or_create(name="Billing_VQ")
    billing, _ = AgentGroup.objects.get_or_create(name="Billing")
    for name in AGENTS:
        agent, new = Agent.objects.get_or_create(name=name, defaults={"switch": switch, "sip_address": f"sim:{name}"})
        if new:
            billing.agents.add(agent)


def _logins(known: Secrets, folder: Path) -> None:
    """An administrator, a supervisor and an agent. An account that is there already is left alone."""
    for name, group in (("admin", ""), ("sam", "Supervisor"), ("kate", "Agent")):
        if User.objects.filter(username=name).exists():
            continue
        known.passwords[name] = secrets.token_urlsafe(9)
        known.write(folder)
        if group:
            user = User.objects.create_user(name, password=known.passwords[name])
            user.groups.add(Group.objects.get(name=group))
        else:
            user = User.objects.create_superuser(name, password=known.passwords[name])
        Agent.objects.filter(name=name, user=None).update(user=user)


def _api_key(known: Secrets, folder: Path) -> None:
    """The key of the file, if it still opens; else a new one, and those whose text was lost are revoked."""
    with suppress(ApiKey.DoesNotExist):
        ApiKey.objects.get_from_key(known.api_key)
        return
    ApiKey.objects.filter(name=KEY_NAME, revoked=False).update(revoked=True)
    _, known.api_key = ApiKey.objects.create_key(name=KEY_NAME, scopes=[START, QUERY])
    known.write(folder)


def _page_key() -> None:
    """The key of the demo's web page, which everybody may read."""
    if not ApiKey.objects.filter(name=PAGE_KEY_NAME, is_public=True, revoked=False).exists():
        key, _ = ApiKey.objects.create_key(name=PAGE_KEY_NAME, scopes=[START], is_public=True)
        key.services.add(ConfiguredService.objects.get(name=IMMEDIATE))
