"""What is told to the vendor's reporting."""

from __future__ import annotations

from services import kinds
from services.catalogue.option import Option
from services.kinds import BOOLEAN, DN, URL

SECTION = "Reporting"

OPTIONS = (
    Option(
        name="_rep_userevent_enable",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        advanced=True,
        help="true: send events to the vendor's reporting.",
    ),
    Option(
        name="_rep_userevent_dn",
        kind=DN,
        section=SECTION,
        advanced=True,
        help="The directory number from which they are sent.",
    ),
    Option(
        name="_rep_userevent_switch",
        kind=kinds.text(maximum=64),
        section=SECTION,
        advanced=True,
        help="The switch of that number.",
    ),
    Option(
        name="_rep_userevent_mediatype",
        kind=kinds.integer(0, 1000),
        section=SECTION,
        default="0",
        advanced=True,
        help="The number of the medium in these events.",
    ),
    Option(
        name="_use_reporting_aggregator",
        kind=BOOLEAN,
        section=SECTION,
        advanced=True,
        help="true: send reports to an aggregator.",
    ),
    Option(
        name="_reporting_aggregator_url",
        kind=URL,
        section=SECTION,
        advanced=True,
        help="Where that aggregator is.",
    ),
    Option(
        name="_originating_interaction_id",
        kind=kinds.text(maximum=128),
        section=SECTION,
        advanced=True,
        overridable=False,
        help="The call in which the callback was offered. A key of the request.",
    ),
)
