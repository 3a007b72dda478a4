"""Whom a callback waits for, and in which line."""

from __future__ import annotations

from services import kinds
from services.catalogue.option import DAY, Option
from services.kinds import JSON, KEYS, URL

SECTION = "URS Queueing"

OPTIONS = (
    Option(
        name="_target",
        kind="target",
        section=SECTION,
        mandatory=True,
        help="Who takes the calls: name@server.type, such as Billing@StatServer.GA for the agent group Billing, a "
        "skill expression, such as ?:English>=20&Loans>2, or a list of up to 15 of them (docs/targets.md).",
    ),
    Option(
        name="_urs_virtual_queue",
        kind="virtual_queue",
        section=SECTION,
        mandatory=True,
        help="The line in which callbacks wait for their target.",
    ),
    Option(
        name="_vq",
        kind="virtual_queue",
        section=SECTION,
        advanced=True,
        help="Another name of _urs_virtual_queue.",
    ),
    Option(
        name="_urs_queued_ttl",
        kind=kinds.seconds(1, 7 * DAY),
        section=SECTION,
        default="14400",
        mandatory=True,
        note="660 in older releases.",
        help="How long a callback waits for its target in all before it is given up.",
    ),
    Option(
        name="_urs_vq_priority",
        kind=kinds.integer(0, 1_000_000),
        section=SECTION,
        help="The priority with which a callback joins its line; the greater goes first.",
    ),
    Option(
        name="_urs_vq_priority_increment",
        kind=kinds.integer(0, 1_000_000),
        section=SECTION,
        help="By how much its priority grows each time that _urs_vq_priority_increment_interval has passed.",
    ),
    Option(
        name="_urs_vq_priority_increment_interval",
        kind=kinds.seconds(1, DAY),
        section=SECTION,
        help="How often its priority grows.",
    ),
    Option(
        name="_urs_call_interaction_age",
        kind=kinds.seconds(0, 7 * DAY),
        section=SECTION,
        advanced=True,
        help="How long a callback counts as having waited when it joins its line.",
    ),
    Option(
        name="_preferred_agent",
        kind=kinds.text(maximum=64),
        section=SECTION,
        help="The agent who is looked for first, by name; a request may name one. An option of this system, unknown to "
        "the vendor's.",
    ),
    Option(
        name="_preferred_agent_timeout",
        kind=kinds.seconds(1, DAY),
        section=SECTION,
        default="60",
        help="How long only the preferred agent is looked for; then the target is. An option of this system, unknown "
        "to the vendor's.",
    ),
    Option(
        name="_urs_prioritization_strategy",
        kind=kinds.text(),
        section=SECTION,
        default="WaitForTarget",
        advanced=True,
        help="Name of the vendor's routing strategy. Kept for compatibility; the router here is built in.",
    ),
    Option(
        name="_urs_strategy_update_sub_routine",
        kind=kinds.text(),
        section=SECTION,
        default="SetRouteDelay",
        advanced=True,
        help="Name of the vendor's routing subroutine. Kept for compatibility; the router here is built in.",
    ),
    Option(
        name="_urs_request_timeout",
        kind=kinds.seconds(1, 3600),
        section=SECTION,
        default="100",
        advanced=True,
        help="How long an answer of the vendor's routing server is waited for.",
    ),
    Option(
        name="_urs_extension_data",
        kind=JSON,
        section=SECTION,
        advanced=True,
        help="More data for the vendor's routing strategy.",
    ),
    Option(
        name="_urs_udata_xfer_keys",
        kind=KEYS,
        section=SECTION,
        advanced=True,
        help="Keys that are taken over from the routed request to the call.",
    ),
    Option(
        name="_urs_server_url",
        kind=URL,
        section=SECTION,
        advanced=True,
        note="Not in the vendor's template any more since release 8.5.110.",
        help="Address of the vendor's routing server.",
    ),
    Option(
        name="_urs_sec_server_url",
        kind=URL,
        section=SECTION,
        advanced=True,
        note="Not in the vendor's template any more since release 8.5.110.",
        help="Address of the routing server that stands in for it.",
    ),
)
