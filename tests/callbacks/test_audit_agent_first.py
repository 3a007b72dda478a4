"""The auditor looks on while agents come first, decide, hold and say what came of it: nothing of that is a fault."""

from __future__ import annotations

from datetime import timedelta

import pytest

from callbacks import actions, desk
from callbacks.audit import run
from callbacks.models import AuditFinding, Callback
from telephony import agents
from telephony.models import Agent, Leg
from telephony.upwards import Choice
from tests.callbacks.test_audit import Watched

pytestmark = pytest.mark.django_db(transaction=True)

CUSTOMER = "916504661288"
OPTIONS = {
    "_userterminated_first_connect_party": "AGENT",
    "_agent_preview": "true",
    "_agent_preview_allow_reject": "5",
    "_agent_preview_timeout": "20",
    "_enable_disposition_dialog": "true",
    "_retain_session_until_ixn_deleted": "true",
    "_wrap_up_time": "0",
}


def reach(world: Watched, callback: Callback, *stages: str) -> str:
    """Run until the callback is at one of these stages, audited at every step; its reservation there."""
    world.run(lambda: Callback.objects.filter(pk=callback.pk, stage__in=stages).exists(), seconds=300)
    found = run.audit(now=world.now(), thorough=True)
    assert not found, [str(finding) for finding in found]
    callback.refresh_from_db()
    return str(callback.session["reservation"])


def test_no_stage_of_agent_first_looks_like_a_fault() -> None:
    world = Watched(agents=("kate", "omar", "mia?noanswer", "ann"), _agent_reserve_timeout="2", **OPTIONS)
    world.ready()
    callback = world.start(CUSTOMER)

    def decide(verb: object, **more: object) -> None:
        with world.patched():
            verb(callback.pk, callback.session["reservation"], now=world.now(), **more)  # type: ignore[operator]
        world.look()

    def accept_until_they_talk() -> None:
        """Whoever is asked accepts; again, where their phone could not be called, or they did not answer it."""
        asked_or_talking = Callback.objects.filter(pk=callback.pk, stage__in=["previewing", "talking"])
        while reach(world, callback, "previewing", "talking") and asked_or_talking.get().stage == "previewing":
            decide(desk.accept)

    def dispose(choice: Choice, at: timedelta | None = None) -> None:
        with world.patched():
            when = world.now() + at if at else None
            desk.dispose(callback.pk, callback.session["agent"], choice=choice, at=when, now=world.now())
            for name in Agent.objects.filter(state="wrap_up").values_list("name", flat=True):
                agents.go_ready(Agent.objects.get(name=name), world.now())
        world.look()

    # Kate rejects, omar lets it lapse, mia accepts and does not answer; then it is ann's.
    reach(world, callback, "previewing")
    decide(desk.reject)
    world.run(lambda: Agent.objects.filter(name="mia", reserved_for=callback.pk).exists(), seconds=300)
    accept_until_they_talk()
    decide(desk.hold, on=True)
    world.run(lambda: Leg.objects.filter(party="customer", bridge="", sounds_over=False, sounds__gt=0).exists())
    decide(desk.hold, on=False)
    world.run(lambda: Leg.objects.filter(bridge__gt="").count() == 2)
    decide(desk.hang_up)
    reach(world, callback, "disposition")
    world.run(lambda: Agent.objects.filter(wrap_up_for=callback.pk).exists())

    # Once more at once, and once more later.
    dispose(Choice.CALL_NOW)
    accept_until_they_talk()
    decide(desk.hang_up)
    reach(world, callback, "disposition")
    world.run(lambda: Agent.objects.filter(wrap_up_for=callback.pk).exists())
    dispose(Choice.CALL_AT, timedelta(hours=2))
    assert callback.journal.order_by("id").last().stage == "scheduled"  # type: ignore[union-attr]
    reach(world, callback, "previewing")
    with world.patched():
        actions.cancel(callback_id=callback.pk, actor="bob", now=world.now())
    world.run(lambda: world.over(callback))
    assert run.audit(now=world.now() + timedelta(minutes=2), thorough=True) == []
    assert not AuditFinding.objects.exists()
    assert not Agent.objects.filter(reserved_for__isnull=False).exists()
    assert world.audits > 50
