"""Why a customer was called, or was not: one sentence, and what comes next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from callbacks.flow.session import Session, Stage
from callbacks.flow.states import Reason
from callbacks.models import Attempt, Callback, JournalEntry
from callbacks.templatetags.callback_words import REASONS, RESULTS
from telephony.events import Party

GOOD, BAD, WAITS = "good", "bad", "waits"


@dataclass(frozen=True)
class Answer:
    """`tone` says whether it went well, did not, or goes on. `then` is what comes next, `at` when (None: open)."""

    text: str
    tone: str
    then: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Facts:
    """What an answer is made of; `journal` and `attempts` oldest first."""

    callback: Callback
    session: Session
    journal: Sequence[JournalEntry]
    attempts: Sequence[Attempt]

    @property
    def agent(self) -> str:
        return self.session.agent or self.callback.agent

    @property
    def results(self) -> list[str]:
        """How the tries to reach the customer ended, in words."""
        customer = [each for each in self.attempts if each.party == Party.CUSTOMER]
        return [str(RESULTS.get(each.result, each.result)) for each in customer if each.result]

    @property
    def most_attempts(self) -> int:
        return int(self.callback.options.get("max_dial_attempts", 0))

    @property
    def last_words(self) -> str:
        """How the journal says the end."""
        said = [entry.text for entry in self.journal if entry.kind == "ended"]
        return said[-1] if said else ""

    @property
    def ended_by(self) -> str:
        """Who ended it: others may write notes, or be refused something, after that."""
        said = [entry.actor for entry in self.journal if entry.kind == "ended"]
        return said[-1] if said else ""

    @property
    def was_on_the_line(self) -> bool:
        return any(each.party == Party.CUSTOMER and each.answered_at for each in self.attempts)


def answer(facts: Facts) -> Answer:
    """Total over stages and reasons: a new one has to say something here."""
    stage = Stage(facts.callback.stage)
    if stage is Stage.ENDED:
        return _ENDS[_family(Reason(facts.callback.reason))](facts)
    return _STAGES[stage](facts)


def _family(reason: Reason) -> Reason:
    """Previews that were rejected once or ten times are one reason to who asks why."""
    return Reason.after_rejects(1) if reason in _REJECTED else reason


_REJECTED = frozenset(Reason.after_rejects(number) for number in range(1, 11))


def _not_yet(why: str, then: str = "", at: datetime | None = None) -> Answer:
    return Answer(_("Not called yet: %(why)s.") % {"why": why}, WAITS, then, at)


def _tries(facts: Facts) -> str:
    """ "2 of 3 attempts: busy, no answer"."""
    results = facts.results
    used, most = len(results), max(facts.most_attempts, len(results))
    counted = ngettext("%(used)d of %(most)d attempt", "%(used)d of %(most)d attempts", most)
    return f"{counted % {'used': used, 'most': most}}: {', '.join(results)}" if results else ""


# ---- while it goes on


def _new(facts: Facts) -> Answer:
    return _not_yet(_("it was just requested"))


def _scheduled(facts: Facts) -> Answer:
    then = _("Its execution starts by itself, as much earlier as the wait in its queue is long, at the latest")
    return _not_yet(_("it is scheduled for its desired time"), then, facts.callback.start_base)


def _held(facts: Facts) -> Answer:
    if facts.session.asked:
        why = _("the customer did not confirm, and is asked again")
    elif facts.session.rejects:
        why = _("an agent rejected it, and another one is looked for")
    else:
        why = _("it has its place in the queue, and its time has not come")
    return _not_yet(why, _("It goes on"), facts.session.deadline)


def _awaiting(facts: Facts) -> Answer:
    return _not_yet(_("it waits in the queue until an agent is about to be free"), _("The queue decides when"))


def _reserving(facts: Facts) -> Answer:
    return _not_yet(_("an agent is looked for, who is called first"), _("The queue decides when"))


def _previewing(facts: Facts) -> Answer:
    why = _("agent %(agent)s is deciding whether to take it") % {"agent": facts.agent}
    return _not_yet(why, _("Without a decision another agent is asked"), facts.session.deadline)


def _calling_agent(facts: Facts) -> Answer:
    why = _("agent %(agent)s is called first") % {"agent": facts.agent}
    return _not_yet(why, _("The customer is called as soon as the agent has answered"))


def _confirming(facts: Facts) -> Answer:
    why = _("the customer's device is asked whether to call now")
    return _not_yet(why, _("Without an answer it goes on"), facts.session.deadline)


def _expecting(facts: Facts) -> Answer:
    text = _("The customer was given a number to call, and has not called yet.")
    return Answer(text, WAITS, _("The number is held for them"), facts.session.deadline)


def _dialling(facts: Facts) -> Answer:
    return Answer(_("About to be called."), WAITS, _held_back(facts))


def _held_back(facts: Facts) -> str:
    why = facts.session.held_back.rstrip(".")
    return _("The last try was put off: %(why)s") % {"why": why} if why else ""


def _ringing(facts: Facts) -> Answer:
    return Answer(_("Being called: the phone rings."), WAITS, _("Given up"), facts.session.deadline)


def _detecting(facts: Facts) -> Answer:
    return Answer(_("Called: somebody answered, and whether a human is being found out."), WAITS)


def _message(facts: Facts) -> Answer:
    return Answer(_("Not reached yet: an answering machine is hearing a message."), WAITS)


def _on_the_line(facts: Facts) -> Answer:
    return Answer(_("Reached: the customer is on the line and waits for an agent."), WAITS)


def _connecting(facts: Facts) -> Answer:
    text = _("Reached: the customer is on the line, and the phone of agent %(agent)s rings.") % {"agent": facts.agent}
    return Answer(text, WAITS)


def _joining(facts: Facts) -> Answer:
    return Answer(_("Reached: customer and agent %(agent)s are being joined.") % {"agent": facts.agent}, WAITS)


def _talking(facts: Facts) -> Answer:
    return Answer(_("Called: the customer talks with agent %(agent)s.") % {"agent": facts.agent}, GOOD)


def _disposition(facts: Facts) -> Answer:
    text = _("Called: the customer has talked with agent %(agent)s.") % {"agent": facts.agent}
    return Answer(text, GOOD, _("The agent says what came of it"), facts.session.deadline)


def _apology(facts: Facts) -> Answer:
    return Answer(_("Reached, but no agent was found: the customer is told so."), BAD)


def _retrying(facts: Facts) -> Answer:
    if facts.session.held_back:
        return _not_yet(facts.session.held_back.rstrip("."), _("The next try is"), facts.session.deadline)
    text = _("Not reached yet: %(tries)s.") % {"tries": _tries(facts) or _("the call ended")}
    return Answer(text, WAITS, _("The next attempt is"), facts.session.deadline)


def _paused(facts: Facts) -> Answer:
    return _not_yet(_("the service is paused"), _("It keeps its place, and goes on when the service is resumed"))


_STAGES: dict[Stage, Callable[[Facts], Answer]] = {
    Stage.NEW: _new,
    Stage.SCHEDULED: _scheduled,
    Stage.HELD: _held,
    Stage.AWAITING: _awaiting,
    Stage.RESERVING: _reserving,
    Stage.PREVIEWING: _previewing,
    Stage.CALLING_AGENT: _calling_agent,
    Stage.CONFIRMING: _confirming,
    Stage.EXPECTING: _expecting,
    Stage.DIALLING: _dialling,
    Stage.RINGING: _ringing,
    Stage.DETECTING: _detecting,
    Stage.MESSAGE: _message,
    Stage.GREETING: _on_the_line,
    Stage.WAITING: _on_the_line,
    Stage.CONNECTING: _connecting,
    Stage.JOINING: _joining,
    Stage.TALKING: _talking,
    Stage.DISPOSITION: _disposition,
    Stage.APOLOGY: _apology,
    Stage.RETRYING: _retrying,
    Stage.PAUSED: _paused,
}


# ---- once it is over


def _connected(facts: Facts) -> Answer:
    return Answer(_("Called, and connected to agent %(agent)s.") % {"agent": facts.agent}, GOOD)


def _cancelled(facts: Facts) -> Answer:
    tried = _tries(facts)
    if facts.was_on_the_line:
        text = _("Called, then cancelled by %(actor)s.")
    elif tried:
        text = _("Not reached before it was cancelled by %(actor)s (%(tries)s).")
    else:
        text = _("Not called: it was cancelled by %(actor)s before.")
    return Answer(text % {"actor": facts.ended_by, "tries": tried}, BAD)


def _served(facts: Facts) -> Answer:
    why = facts.last_words.rstrip(".")
    return Answer(_("Not called for this any more: served another way (%(why)s).") % {"why": why}, GOOD)


def _left(facts: Facts) -> Answer:
    return Answer(_("Called and reached, but the customer hung up before an agent was connected."), BAD)


def _no_agent(facts: Facts) -> Answer:
    if facts.was_on_the_line:
        return Answer(_("Called and reached, but no agent was found in time."), BAD)
    if tried := _tries(facts):
        return Answer(_("Not reached while there was time in the queue (%(tries)s).") % {"tries": tried}, BAD)
    return Answer(_("Not called: no agent became free before its time in the queue was over."), BAD)


def _unconnected(facts: Facts) -> Answer:
    if facts.was_on_the_line:
        return Answer(_("Called and reached, but no agent's phone was answered."), BAD)
    return Answer(_("Not called: no agent's phone was answered, who was to be called first."), BAD)


def _unreached(facts: Facts) -> Answer:
    if tried := _tries(facts):
        return Answer(_("Not reached: %(tries)s.") % {"tries": tried}, BAD)
    return Answer(_("Not reached: %(why)s.") % {"why": facts.last_words.rstrip(".") or _("every attempt failed")}, BAD)


def _too_long(facts: Facts) -> Answer:
    if facts.was_on_the_line or facts.results:
        return Answer(_("Not connected within its time to live (%(tries)s).") % {"tries": _tries(facts)}, BAD)
    return Answer(_("Not called: its time to live was over before its turn came."), BAD)


def _as_the_journal_says(facts: Facts) -> Answer:
    """Ends whose own words are the best answer: a number that may not be called, an error, a question unanswered."""
    why = facts.last_words.removeprefix("Not dialled: ").rstrip(".")
    why = why or str(REASONS.get(facts.callback.reason, facts.callback.reason))
    said = _("Not connected: %(why)s.") if facts.was_on_the_line else _("Not called: %(why)s.")
    return Answer(said % {"why": why}, BAD)


_ENDS: dict[Reason, Callable[[Facts], Answer]] = {
    Reason.AGENT_CONNECTED: _connected,
    Reason.CANCELLED: _cancelled,
    Reason.CANCELLED_BY_ADMIN: _cancelled,
    Reason.CANCELLED_SERVED: _served,
    Reason.FAIL_INTERACTION_DELETED: _left,
    Reason.FAIL_TARGET_NOT_FOUND: _no_agent,
    Reason.FAIL_ERROR: _as_the_journal_says,
    Reason.FAIL_TIMEOUT_TTL: _too_long,
    Reason.FAIL_IXN_UNKNOWN_MEDIA_TYPE: _as_the_journal_says,
    Reason.FAIL_NO_CUSTOMER_NUMBER: _as_the_journal_says,
    Reason.FAIL_AGENT_CONNECT: _unconnected,
    Reason.FAIL_CALL_TO_CUSTOMER: _unreached,
    Reason.FAIL_USER_NO_CONFIRM: _as_the_journal_says,
    Reason.FAIL_LOAD_MESSAGE_FILE: _as_the_journal_says,
    Reason.FAIL_TOO_LATE: _as_the_journal_says,
    Reason.FAIL_NUMBER_BLOCKED: _as_the_journal_says,
    Reason.after_rejects(1): _as_the_journal_says,
}
