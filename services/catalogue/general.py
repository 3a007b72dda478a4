"""What every callback service has: who dials, when, which keys, how long agents are reserved."""

from __future__ import annotations

from services import kinds
from services.catalogue.option import DAY, YEAR, Option
from services.kinds import BOOLEAN, KEYS

SECTION = "General"

OPTIONS = (
    Option(
        name="_type",
        kind=kinds.choice("ors", "builtin"),
        section=SECTION,
        default="ors",
        mandatory=True,
        advanced=True,
        overridable=False,
        help="Where the vendor's system runs the service. Kept for compatibility; both words mean the same here.",
    ),
    Option(
        name="_service",
        kind=kinds.choice("callback"),
        section=SECTION,
        default="callback",
        mandatory=True,
        advanced=True,
        overridable=False,
        help="The application behind the service. Only the built-in one is run, not SCXML applications of your own.",
    ),
    Option(
        name="_media_type",
        kind=kinds.choice("voice"),
        section=SECTION,
        default="voice",
        mandatory=True,
        help="The medium an agent must be able to handle.",
    ),
    Option(
        name="_call_direction",
        kind=kinds.choice("USERTERMINATED", "USERORIGINATED"),
        section=SECTION,
        default="USERORIGINATED",
        help="Who dials: USERTERMINATED, we call the customer; USERORIGINATED, the customer calls us.",
    ),
    Option(
        name="_wait_for_agent",
        kind=BOOLEAN,
        section=SECTION,
        default="true",
        mandatory=True,
        help="true: the customer is called only when an agent is about to be free. false: at once.",
    ),
    Option(
        name="_wait_for_user_confirm",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        help="true: ask the customer by push notification whether to call now. Needs _wait_for_agent = true.",
    ),
    Option(
        name="_ttl",
        kind=kinds.seconds(1, 10 * YEAR),
        section=SECTION,
        default=str(DAY),
        mandatory=True,
        help="How long a callback stays in storage after its desired time. 604800 keeps it in view for a week.",
    ),
    Option(
        name="_customer_lookup_keys",
        kind=KEYS,
        section=SECTION,
        default="_customer_number",
        overridable=False,
        help="Request keys by which callbacks can be found. Must contain every key of _mandatory_customer_lookup_keys.",
    ),
    Option(
        name="_mandatory_customer_lookup_keys",
        kind=KEYS,
        section=SECTION,
        default="_customer_number",
        mandatory=True,
        overridable=False,
        help="Request keys without which a request is refused.",
    ),
    Option(
        name="_overwritable_options",
        kind=KEYS,
        section=SECTION,
        overridable=False,
        help="Options that a request may override. _call_direction, _wait_for_agent, _wait_for_user_confirm, "
        "_media_type and _provide_code may always be overridden.",
    ),
    Option(
        name="_max_transfer_to_agent_attempts",
        kind=kinds.integer(1, 100),
        section=SECTION,
        default="5",
        help="How many agents are tried, one after the other, before the transfer of a call is given up.",
    ),
    Option(
        name="_max_time_to_wait_for_agent_on_the_call",
        kind=kinds.seconds(1, DAY),
        section=SECTION,
        default="3600",
        help="How long a customer on the line waits for an agent; then _treatment_find_agent_fail is played.",
    ),
    Option(
        name="_agent_reserve_timeout",
        kind=kinds.seconds(1, 3600),
        section=SECTION,
        default="30",
        advanced=True,
        help="How long a matched agent stays reserved before their phone rings.",
    ),
    Option(
        name="_wrap_up_time",
        kind=kinds.seconds(0, 3600),
        section=SECTION,
        default="10",
        help="How long an agent is in wrap-up after the talk. An option of this system, unknown to the vendor's.",
    ),
    Option(
        name="_retain_session_until_ixn_deleted",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        help="true: the callback shows PROCESSING while customer and agent talk. false: it is COMPLETED as soon as "
        "they are joined.",
    ),
    Option(
        name="_max_time_to_wait_for_ixn_delete",
        kind=kinds.seconds(1, DAY),
        section=SECTION,
        default="3600",
        advanced=True,
        help="How long a callback stays in PROCESSING at most.",
    ),
    Option(
        name="_use_debug_push_certificate",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        advanced=True,
        help="Use the debug certificate of the push notification provider.",
    ),
)
