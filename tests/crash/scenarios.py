"""The ways that a callback can go, each played once for every point at which somebody may stop."""

from __future__ import annotations

from dataclasses import dataclass, field

from callbacks.flow.states import Reason


def number(ending: str) -> str:
    """A customer of the simulator who behaves as the ending says (docs/simulator.md)."""
    return f"9165046612{ending}"


@dataclass(frozen=True)
class Scenario:
    """Who calls whom with what, and how it ends when nobody stops.

    `ready` agents are there from the beginning; `turns_ready_at` is the stage at which the only one comes. `results`
    are those of the customer's attempts that rang. `moved_to`: as soon as it rests it is given another time, so many
    seconds from now. `previews` is what the agents who are shown it decide, one after the other: True accepts, and
    so do all that follow. `held`: the agent lets the customer wait once during the talk. Before the stage `since` and
    from `until` on it goes the way of the first scenario, whose points are not tried again.
    """

    name: str
    reason: Reason
    results: tuple[str, ...]
    ending: str = "32"
    agents: tuple[str, ...] = ("kate",)
    ready: tuple[str, ...] = ("kate",)
    turns_ready_at: str = ""
    cancel_at: str = ""
    confirms_at: str = ""
    moved_to: float | None = None
    previews: tuple[bool, ...] = ()
    held: bool = False
    desired_in: float | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    as_often_as_there_is_time: bool = False
    since: str = ""
    until: str = ""

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


JOINED = Reason.AGENT_CONNECTED

HUMAN = Scenario("a human is joined", JOINED, ("PERSON",))
BUSY_THEN_HUMAN = Scenario(
    "busy, then a human", JOINED, ("BUSY", "PERSON"), ending="92", since="ringing", until="detecting"
)
NO_ANSWER = Scenario(
    "no answer, twice",
    Reason.FAIL_CALL_TO_CUSTOMER,
    ("NO_ANSWER", "NO_ANSWER"),
    ending="81",
    options={"_max_dial_attempts": "2"},
    since="ringing",
)
NEXT_AGENT = Scenario(
    "the next agent answers",
    JOINED,
    ("PERSON",),
    agents=("kate?noanswer", "omar"),
    ready=("kate", "omar"),
    since="connecting",
    until="joining",
)

AGENT_FIRST = {"_userterminated_first_connect_party": "AGENT"}
PREVIEW = {**AGENT_FIRST, "_agent_preview": "true", "_agent_preview_allow_reject": "3"}

SCENARIOS = (
    HUMAN,
    Scenario(
        "the session is retained",
        JOINED,
        ("PERSON",),
        options={"_retain_session_until_ixn_deleted": "true"},
        since="joining",
    ),
    Scenario(
        "a greeting is heard first",
        JOINED,
        ("PERSON",),
        options={"_treatment_customer_connect": "SampleTreatments/customer_announcement.wav"},
        since="detecting",
        until="waiting",
    ),
    BUSY_THEN_HUMAN,
    NO_ANSWER,
    Scenario(
        "an answering machine hears its message",
        Reason.FAIL_CALL_TO_CUSTOMER,
        ("ANSWERING_MACHINE",),
        ending="83",
        options={"_max_dial_attempts": "1"},
        since="detecting",
    ),
    Scenario("hangs up during detection", Reason.FAIL_INTERACTION_DELETED, ("UNKNOWN",), ending="86", since="ringing"),
    Scenario(
        "hangs up while waiting", Reason.FAIL_INTERACTION_DELETED, ("PERSON",), ending="87", ready=(), since="waiting"
    ),
    NEXT_AGENT,
    Scenario(
        "nobody is available",
        Reason.FAIL_TARGET_NOT_FOUND,
        ("PERSON",),
        ready=(),
        options={"_max_time_to_wait_for_agent_on_the_call": "30"},
        since="waiting",
    ),
    Scenario(
        "a dead trunk",
        Reason.FAIL_TARGET_NOT_FOUND,
        ("CREATE_CALL_ERROR",) * 3,
        as_often_as_there_is_time=True,
        ending="90",
        options={"_urs_queued_ttl": "30", "_ixn_createcall_timeout": "5"},
        since="ringing",
    ),
    Scenario("cancelled while ringing", Reason.CANCELLED, ("",), ending="91", cancel_at="ringing", since="ringing"),
    Scenario("cancelled while waiting", Reason.CANCELLED, ("PERSON",), ready=(), cancel_at="waiting", since="waiting"),
    Scenario(
        "cancelled while connecting",
        Reason.CANCELLED,
        ("PERSON",),
        agents=("kate?answer=20",),
        cancel_at="connecting",
        since="connecting",
    ),
    Scenario(
        "scheduled",
        JOINED,
        ("PERSON",),
        desired_in=900.0,
        options={"_request_execution_time_buffer": "120"},
        until="ringing",
    ),
    Scenario(
        "delayed until an agent is ready",
        JOINED,
        ("PERSON",),
        ready=(),
        turns_ready_at="awaiting",
        options={"_wait_for_agent": "true"},
        until="detecting",
    ),
    Scenario(
        "moved to another time",
        JOINED,
        ("PERSON",),
        desired_in=900.0,
        moved_to=1200.0,
        options={"_request_execution_time_buffer": "120"},
        until="ringing",
    ),
    Scenario("the agent is called first", JOINED, ("PERSON",), options=AGENT_FIRST, since="reserving", until="talking"),
    Scenario(
        "one agent rejects, the next accepts",
        JOINED,
        ("PERSON",),
        agents=("kate", "omar"),
        ready=("kate", "omar"),
        previews=(False, True),
        options=PREVIEW,
        since="previewing",
        until="dialling",
    ),
    Scenario("the customer waits during the talk", JOINED, ("PERSON",), ending="89", held=True, since="talking"),
    Scenario(
        "asked, and confirms",
        JOINED,
        ("PERSON",),
        confirms_at="confirming",
        parameters={"_device_os": "comet"},
        options={"_wait_for_agent": "true", "_wait_for_user_confirm": "true"},
        until="detecting",
    ),
)
