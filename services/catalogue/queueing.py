"""Whom a callback waits for, and in which line."""

from __future__ import annotations

from services import kinds
from services.catalogue.option import DAY, Option

SECTION = "URS Queueing"

OPTIONS = (
    Option(
        name="_target",
        kind="target",
        section=SECTION,
        mandatory=True,
        help="Who takes the calls, as name@server.type; for example Billing@StatServer.GA for the agent group Billing.",
    ),
    Option(
        name="_urs_virtual_queue",
        kind="virtual_queue",
        section=SECTION,
        mandatory=True,
        help="The line in which callbacks wait for their target.",
    ),
    Option(
        name="_urs_queued_ttl",
        kind=kinds.seconds(1, 7 * DAY),
        section=SECTION,
        default="14400",
        mandatory=True,
        help="How long a callback waits for its target in all before it is given up.",
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
)
