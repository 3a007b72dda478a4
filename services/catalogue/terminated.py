"""How the customer is called, and how an agent who is called first."""

from __future__ import annotations

from services import kinds
from services.catalogue.option import DAY, Option
from services.kinds import BOOLEAN, DIAL_PREFIX, DIGITS, DN, JSON, KEYS, NUMBER, URL

SECTION = "Voice-User Terminated"

_CALLS = (
    Option(
        name="_route_point",
        kind="route_point",
        section=SECTION,
        mandatory=True,
        help="The route point from which customers are called. Several, with commas between, share the calls; one that "
        "cannot carry any is skipped.",
    ),
    Option(
        name="_trunk_group",
        kind=DN,
        section=SECTION,
        advanced=True,
        help="The trunk group from which customers are called instead.",
    ),
    Option(
        name="_userterminated_first_connect_party",
        kind=kinds.choice("CUSTOMER", "AGENT"),
        section=SECTION,
        default="CUSTOMER",
        mandatory=True,
        help="Whom to call first when we call the customer.",
    ),
    Option(
        name="_prefix_dial_out",
        kind=DIAL_PREFIX,
        section=SECTION,
        help="Dialled before the customer's number. Empty unless your PBX expects one: the vendor's preset, 91, dials "
        "wrong numbers wherever it is not expected.",
    ),
    Option(
        name="_max_dial_attempts",
        kind=kinds.integer(1, 100),
        section=SECTION,
        default="3",
        help="How often the customer is dialled before the callback is given up.",
    ),
    Option(
        name="_dial_retry_timeout",
        kind=kinds.seconds(0, 7 * DAY),
        section=SECTION,
        default="300",
        help="Pause between two attempts to reach the customer.",
    ),
    Option(
        name="_max_successful_customer_contacts",
        kind=kinds.integer(1, 100),
        section=SECTION,
        advanced=True,
        help="How often a customer is reached before no further callback follows, where agents reschedule after the "
        "talk.",
    ),
    Option(
        name="_on_user_confirm_timeout",
        kind=kinds.text(maximum=64),
        section=SECTION,
        default="CONNECT-ANYWAY",
        help="What happens when the customer does not confirm: CONNECT-ANYWAY, they are called; anything else, the "
        "callback ends with FAIL_USER_NO_CONFIRM.",
    ),
    Option(
        name="_ixn_createcall_timeout",
        kind=kinds.seconds(1, 600),
        section=SECTION,
        default="32",
        note="15 in older releases.",
        help="How long the customer's phone rings before the attempt counts as not answered.",
    ),
    Option(
        name="_ixn_createcall_hints",
        kind=JSON,
        section=SECTION,
        advanced=True,
        help="Extensions of the request that makes a call, for the vendor's switch.",
    ),
    Option(
        name="_ixn_update_data_time_to_wait",
        kind=kinds.milliseconds(0, 60_000),
        section=SECTION,
        advanced=True,
        help="How long to wait until the data of a call are updated.",
    ),
    Option(
        name="_calling_party_number",
        kind=NUMBER,
        section=SECTION,
        help="The number that the customer's phone shows. Empty: what the trunk sends by itself.",
    ),
    Option(
        name="_calling_party_display_name",
        kind=kinds.text(maximum=64, forbidden='"<>\\'),
        section=SECTION,
        help="The name that the customer's phone shows.",
    ),
    Option(
        name="_cpd_enable",
        kind=BOOLEAN,
        section=SECTION,
        default="true",
        help="true: find out whether a human or a machine answered. false: whatever answers is treated as human.",
    ),
    Option(
        name="_cpd_unsure",
        kind=kinds.choice("human", "machine"),
        section=SECTION,
        default="human",
        help="What an answer is treated as when the detection is not sure. An option of this system, unknown to the "
        "vendor's.",
    ),
    Option(
        name="_call_timeguard_timeout",
        kind=kinds.milliseconds(500, 120_000),
        section=SECTION,
        default="15000",
        advanced=True,
        help="How long after the answer the detection may take; then its result is not sure.",
    ),
    Option(
        name="_vq_for_outbound_calls",
        kind="virtual_queue",
        section=SECTION,
        advanced=True,
        help="The virtual queue under which calls to customers are reported.",
    ),
    Option(
        name="_cb_dim_channel",
        kind=kinds.text(maximum=64),
        section=SECTION,
        advanced=True,
        help="The channel by which callbacks are reported, such as WEB or IVR.",
    ),
)

_AGENT_FIRST = (
    Option(
        name="_agent_first_via_rp",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        mandatory=True,
        advanced=True,
        note="Since release 8.5.108.02.",
        help="How an agent is called who is called first, without a preview: true, through the route point, at the "
        "number of the agent; false, at their own phone.",
    ),
    Option(
        name="_agent_first_via_tg",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        advanced=True,
        note="Since release 8.5.201.04.",
        help="The same through the trunk group.",
    ),
    Option(
        name="_agent_preview",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        help="true: the reserved agent sees the customer's data and decides before anybody is called.",
    ),
    Option(
        name="_agent_preview_allow_reject",
        kind=kinds.integer(0, 10),
        section=SECTION,
        default="0",
        help="After how many rejected previews the callback is given up; 0: a preview can only be accepted.",
    ),
    Option(
        name="_agent_preview_data",
        kind=KEYS,
        section=SECTION,
        help="Request keys whose values a preview shows. The vendor's preset, Value 1 to Value 5, is a placeholder.",
    ),
    Option(
        name="_agent_preview_timeout",
        kind=kinds.seconds(1, 3600),
        section=SECTION,
        default="30",
        help="How long an agent may take to decide.",
    ),
    Option(
        name="_agent_preview_timeout_set_notready",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        note="Since release 8.5.201.04.",
        help="true: an agent who did not decide in time becomes not ready.",
    ),
    Option(
        name="_agent_preview_set_notready_reason",
        kind=DIGITS,
        section=SECTION,
        advanced=True,
        help="The number of the reason for which that agent is not ready.",
    ),
    Option(
        name="_agent_preview_set_notready_reason_attribute",
        kind=kinds.text(maximum=64),
        section=SECTION,
        advanced=True,
        help="The attribute of the vendor's event in which that number stands.",
    ),
    Option(
        name="_agent_preview_set_notready_reason_key",
        kind=kinds.text(maximum=64),
        section=SECTION,
        advanced=True,
        help="The key in that attribute.",
    ),
    Option(
        name="_agent_preview_via_rp",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        advanced=True,
        help="How an agent is called who accepted a preview: true, through the route point, at the number of the "
        "agent; false, at their own phone.",
    ),
    Option(
        name="_agent_reject_retry_timeout",
        kind=kinds.seconds(0, DAY),
        section=SECTION,
        default="0",
        help="Pause before another agent is looked for when one rejected.",
    ),
    Option(
        name="_preview_userevent_mediatype",
        kind=kinds.integer(0, 1000),
        section=SECTION,
        default="0",
        advanced=True,
        help="The number of the medium in the vendor's events to the agent's desktop, for previews.",
    ),
    Option(
        name="_enable_disposition_dialog",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        help="true: after the talk the agent is asked how it went, and may schedule another. Needs office hours.",
    ),
    Option(
        name="_agent_disposition_timeout",
        kind=kinds.seconds(1, 3600),
        section=SECTION,
        default="45",
        help="How long the agent may take to answer.",
    ),
    Option(
        name="_disposition_userevent_mediatype",
        kind=kinds.integer(0, 1000),
        section=SECTION,
        default="0",
        advanced=True,
        help="The number of the medium in the vendor's events to the agent's desktop, for that question.",
    ),
)

_PLUG_IN = (
    Option(
        name="_plugin_on_dial_url",
        kind=URL,
        section=SECTION,
        advanced=True,
        help="An SCXML application that is started when the customer is called.",
    ),
    Option(
        name="_plugin_on_dial_associate_ixn",
        kind=BOOLEAN,
        section=SECTION,
        default="true",
        advanced=True,
        help="Hand the call over to that application.",
    ),
    Option(
        name="_plugin_on_dial_invoke_on_call_failed",
        kind=BOOLEAN,
        section=SECTION,
        default="true",
        advanced=True,
        help="Start it also when the customer was not reached.",
    ),
    Option(
        name="_plugin_on_dial_timeout",
        kind=kinds.seconds(1, 3600),
        section=SECTION,
        default="120",
        advanced=True,
        note="20 in older releases.",
        help="How long its result is waited for.",
    ),
)

OPTIONS = (*_CALLS, *_AGENT_FIRST, *_PLUG_IN)
