"""The options of a callback service: name, kind, default and help of each.

Names, defaults and sections are those of the Genesys Callback options reference; the two options of our own,
`_cpd_unsure` and `_wrap_up_time`, say so in their help.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services import kinds
from services.kinds import BOOLEAN, DIAL_PREFIX, KEYS, NUMBER, TREATMENT, BadValue, Kind, shown

DAY = 86_400
YEAR = 366 * DAY


class OptionError(ValueError):
    """An option has a value that it cannot have; names the option, what was given and what is allowed."""

    def __init__(self, option: str, given: str, allowed: str, detail: str = "") -> None:
        because = f" ({detail})" if detail else ""
        super().__init__(f"Option {option}: {shown(given)} was given{because}, allowed is {allowed}.")
        self.option = option
        self.given = given
        self.allowed = allowed
        self.detail = detail


@dataclass(frozen=True, eq=False, kw_only=True)
class Option:
    """A setting of a service.

    `kind` is a Kind, or the name of one that another floor registers. `default` is the text that counts while
    neither the service nor its configuration says otherwise. A mandatory option must have a value before the service
    can work; with `needed_when` only while that other option has that text. `overridable` says that a service may let
    requests override the option.
    """

    name: str
    kind: Kind | str
    section: str
    help: str
    default: str = ""
    mandatory: bool = False
    needed_when: tuple[str, str] | None = None
    advanced: bool = False
    overridable: bool = True

    @property
    def value_kind(self) -> Kind:
        """Its kind. Raises kinds.UnknownKind while no floor has registered it."""
        return self.kind if isinstance(self.kind, Kind) else kinds.kind(self.kind)

    @property
    def allowed(self) -> str:
        return self.value_kind.allowed

    @property
    def unit(self) -> str:
        return self.value_kind.unit

    def value(self, text: str) -> object:
        """The typed value of a text. Raises OptionError."""
        kind = self.kind if isinstance(self.kind, Kind) else kinds.kind(self.kind)
        try:
            return kind.read(text)
        except ValueError as error:
            raise self.error(text, error) from None

    def check(self, text: str) -> None:
        """That the text can be read and that what it names is configured. Raises OptionError."""
        self.value(text)
        if text.strip() and (check := self.value_kind.check):
            try:
                check(text.strip())
            except ValueError as error:
                raise self.error(text, error) from None

    def error(self, text: str, error: ValueError) -> OptionError:
        if isinstance(error, BadValue):
            return OptionError(self.name, error.given, error.allowed)
        return OptionError(self.name, text, self.allowed, detail=str(error))

    def is_needed(self, texts: Mapping[str, str]) -> bool:
        """True if the option must have a value, given the texts of all options."""
        if self.needed_when:
            other, text = self.needed_when
            return texts.get(other, "").strip().lower() == text.lower()
        return self.mandatory


GENERAL = "General"
SCHEDULED_CALL = "Scheduled Call"
URS_QUEUEING = "URS Queueing"
USER_ORIGINATED = "Voice-User Originated"
USER_TERMINATED = "Voice-User Terminated"
TREATMENTS = "Voice Treatment"
SECTIONS = (GENERAL, URS_QUEUEING, USER_TERMINATED, TREATMENTS, SCHEDULED_CALL, USER_ORIGINATED)

_GENERAL = (
    Option(
        name="_type",
        kind=kinds.choice("ors", "builtin"),
        section=GENERAL,
        default="ors",
        mandatory=True,
        advanced=True,
        overridable=False,
        help="Where the vendor's system runs the service. Kept for compatibility; both words mean the same here.",
    ),
    Option(
        name="_service",
        kind=kinds.choice("callback"),
        section=GENERAL,
        default="callback",
        mandatory=True,
        advanced=True,
        overridable=False,
        help="The application behind the service. Only the built-in one is run, not SCXML applications of your own.",
    ),
    Option(
        name="_media_type",
        kind=kinds.choice("voice"),
        section=GENERAL,
        default="voice",
        mandatory=True,
        help="The medium an agent must be able to handle.",
    ),
    Option(
        name="_call_direction",
        kind=kinds.choice("USERTERMINATED", "USERORIGINATED"),
        section=GENERAL,
        default="USERORIGINATED",
        help="Who dials: USERTERMINATED, we call the customer; USERORIGINATED, the customer calls us.",
    ),
    Option(
        name="_wait_for_agent",
        kind=BOOLEAN,
        section=GENERAL,
        default="true",
        mandatory=True,
        help="true: the customer is called only when an agent is about to be free. false: at once.",
    ),
    Option(
        name="_wait_for_user_confirm",
        kind=BOOLEAN,
        section=GENERAL,
        default="false",
        help="true: ask the customer by push notification whether to call now. Needs _wait_for_agent = true.",
    ),
    Option(
        name="_ttl",
        kind=kinds.seconds(1, 10 * YEAR),
        section=GENERAL,
        default=str(DAY),
        mandatory=True,
        help="How long a callback stays in storage after its desired time. 604800 keeps it in view for a week.",
    ),
    Option(
        name="_customer_lookup_keys",
        kind=KEYS,
        section=GENERAL,
        default="_customer_number",
        overridable=False,
        help="Request keys by which callbacks can be found. Must contain every key of _mandatory_customer_lookup_keys.",
    ),
    Option(
        name="_mandatory_customer_lookup_keys",
        kind=KEYS,
        section=GENERAL,
        default="_customer_number",
        mandatory=True,
        overridable=False,
        help="Request keys without which a request is refused.",
    ),
    Option(
        name="_overwritable_options",
        kind=KEYS,
        section=GENERAL,
        overridable=False,
        help="Options that a request may override. _call_direction, _wait_for_agent, _wait_for_user_confirm, "
        "_media_type and _provide_code may always be overridden.",
    ),
    Option(
        name="_max_transfer_to_agent_attempts",
        kind=kinds.integer(1, 100),
        section=GENERAL,
        default="5",
        help="How many agents are tried, one after the other, before the transfer of a call is given up.",
    ),
    Option(
        name="_max_time_to_wait_for_agent_on_the_call",
        kind=kinds.seconds(1, DAY),
        section=GENERAL,
        default="3600",
        help="How long a customer on the line waits for an agent; then _treatment_find_agent_fail is played.",
    ),
    Option(
        name="_agent_reserve_timeout",
        kind=kinds.seconds(1, 3600),
        section=GENERAL,
        default="30",
        advanced=True,
        help="How long a matched agent stays reserved before their phone rings.",
    ),
    Option(
        name="_wrap_up_time",
        kind=kinds.seconds(0, 3600),
        section=GENERAL,
        default="10",
        help="How long an agent is in wrap-up after the talk. An option of this system, unknown to the vendor's.",
    ),
    Option(
        name="_retain_session_until_ixn_deleted",
        kind=BOOLEAN,
        section=GENERAL,
        default="false",
        help="true: the callback shows PROCESSING while customer and agent talk. false: it is COMPLETED as soon as "
        "they are joined.",
    ),
    Option(
        name="_max_time_to_wait_for_ixn_delete",
        kind=kinds.seconds(1, DAY),
        section=GENERAL,
        default="3600",
        advanced=True,
        help="How long a callback stays in PROCESSING at most.",
    ),
    Option(
        name="_use_debug_push_certificate",
        kind=BOOLEAN,
        section=GENERAL,
        default="false",
        advanced=True,
        help="Use the debug certificate of the push notification provider.",
    ),
)

_URS_QUEUEING = (
    Option(
        name="_target",
        kind="target",
        section=URS_QUEUEING,
        mandatory=True,
        help="Who takes the calls, as name@server.type; for example Billing@StatServer.GA for the agent group Billing.",
    ),
    Option(
        name="_urs_virtual_queue",
        kind="virtual_queue",
        section=URS_QUEUEING,
        mandatory=True,
        help="The line in which callbacks wait for their target.",
    ),
    Option(
        name="_urs_queued_ttl",
        kind=kinds.seconds(1, 7 * DAY),
        section=URS_QUEUEING,
        default="14400",
        mandatory=True,
        help="How long a callback waits for its target in all before it is given up.",
    ),
    Option(
        name="_urs_prioritization_strategy",
        kind=kinds.text(),
        section=URS_QUEUEING,
        default="WaitForTarget",
        advanced=True,
        help="Name of the vendor's routing strategy. Kept for compatibility; the router here is built in.",
    ),
    Option(
        name="_urs_strategy_update_sub_routine",
        kind=kinds.text(),
        section=URS_QUEUEING,
        default="SetRouteDelay",
        advanced=True,
        help="Name of the vendor's routing subroutine. Kept for compatibility; the router here is built in.",
    ),
)

_USER_TERMINATED = (
    Option(
        name="_route_point",
        kind="route_point",
        section=USER_TERMINATED,
        mandatory=True,
        help="The route point from which customers are called.",
    ),
    Option(
        name="_userterminated_first_connect_party",
        kind=kinds.choice("CUSTOMER", "AGENT"),
        section=USER_TERMINATED,
        default="CUSTOMER",
        mandatory=True,
        help="Whom to call first when we call the customer.",
    ),
    Option(
        name="_prefix_dial_out",
        kind=DIAL_PREFIX,
        section=USER_TERMINATED,
        help="Dialled before the customer's number. Empty unless your PBX expects one: the vendor's preset, 91, dials "
        "wrong numbers wherever it is not expected.",
    ),
    Option(
        name="_max_dial_attempts",
        kind=kinds.integer(1, 100),
        section=USER_TERMINATED,
        default="3",
        help="How often the customer is dialled before the callback is given up.",
    ),
    Option(
        name="_dial_retry_timeout",
        kind=kinds.seconds(0, 7 * DAY),
        section=USER_TERMINATED,
        default="300",
        help="Pause between two attempts to reach the customer.",
    ),
    Option(
        name="_ixn_createcall_timeout",
        kind=kinds.seconds(1, 600),
        section=USER_TERMINATED,
        default="32",
        help="How long the customer's phone rings before the attempt counts as not answered.",
    ),
    Option(
        name="_calling_party_number",
        kind=NUMBER,
        section=USER_TERMINATED,
        help="The number that the customer's phone shows. Empty: what the trunk sends by itself.",
    ),
    Option(
        name="_calling_party_display_name",
        kind=kinds.text(maximum=64, forbidden='"<>\\'),
        section=USER_TERMINATED,
        help="The name that the customer's phone shows.",
    ),
    Option(
        name="_cpd_enable",
        kind=BOOLEAN,
        section=USER_TERMINATED,
        default="true",
        help="true: find out whether a human or a machine answered. false: whatever answers is treated as human.",
    ),
    Option(
        name="_cpd_unsure",
        kind=kinds.choice("human", "machine"),
        section=USER_TERMINATED,
        default="human",
        help="What an answer is treated as when the detection is not sure. An option of this system, unknown to the "
        "vendor's.",
    ),
    Option(
        name="_call_timeguard_timeout",
        kind=kinds.milliseconds(500, 120_000),
        section=USER_TERMINATED,
        default="15000",
        advanced=True,
        help="How long after the answer the detection may take; then its result is not sure.",
    ),
)

_TREATMENTS = (
    Option(
        name="_treatment_customer_connect",
        kind=TREATMENT,
        section=TREATMENTS,
        help="Played once when a human has answered.",
    ),
    Option(
        name="_treatment_waiting_for_agent",
        kind=TREATMENT,
        section=TREATMENTS,
        help="Played in a loop while the customer waits for an agent. Empty: the sample sound.",
    ),
    Option(
        name="_treatment_find_agent_fail",
        kind=TREATMENT,
        section=TREATMENTS,
        help="Played when no agent was found in _max_time_to_wait_for_agent_on_the_call. Empty: the sample sound.",
    ),
    Option(
        name="_treatment_call_failure_answering_machine",
        kind=TREATMENT,
        section=TREATMENTS,
        help="Played to an answering machine. Empty: the sample sound; { }: nothing. With the hint "
        '"am-beep-detection": "on" it starts after the beep.',
    ),
)

_SCHEDULED_CALL = (
    Option(
        name="_request_execution_time_buffer",
        kind=kinds.seconds(0, DAY),
        section=SCHEDULED_CALL,
        default="120",
        help="A scheduled callback joins its queue this long before its desired time, and earlier by the estimated "
        "wait time.",
    ),
    Option(
        name="_desired_connect_time_threshold",
        kind=kinds.seconds(1, DAY),
        section=SCHEDULED_CALL,
        default="180",
        help="The customer is not called earlier than this before the desired time. Must be greater than "
        "_request_execution_time_buffer.",
    ),
)

_USER_ORIGINATED = (
    Option(
        name="_provide_code",
        kind=BOOLEAN,
        section=USER_ORIGINATED,
        default="false",
        mandatory=True,
        help="true: the customer is given a random code that identifies their inbound call.",
    ),
    Option(
        name="_resource_group",
        kind=kinds.text(maximum=64),
        section=USER_ORIGINATED,
        needed_when=("_call_direction", "USERORIGINATED"),
        help="The pool of access numbers that customers call. Needed only when the customer calls us.",
    ),
)

CALLBACK_OPTIONS = (
    *_GENERAL,
    *_URS_QUEUEING,
    *_USER_TERMINATED,
    *_TREATMENTS,
    *_SCHEDULED_CALL,
    *_USER_ORIGINATED,
)
