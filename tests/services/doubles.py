"""Stand-ins for what higher floors register, so that these tests need none of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.kinds import BadValue, Kind

ROUTE_POINTS = ["8999@SIP_Switch", "9000@SIP_Switch"]


def _target(text: str) -> str:
    if "@" not in text:
        raise BadValue(text, "name@server.type")
    return text


def _configured_route_point(text: str) -> None:
    if text not in ROUTE_POINTS:
        raise BadValue(text, f"one of {', '.join(ROUTE_POINTS)}")


KINDS = {
    "target": Kind(name="target", parse=_target, allowed="a routing target", widget="lines"),
    "route_point": Kind(
        name="route_point",
        parse=str,
        allowed="a route point",
        choices=lambda: [(name, name) for name in ROUTE_POINTS],
        check=_configured_route_point,
        widget="select",
    ),
    "virtual_queue": Kind(
        name="virtual_queue",
        parse=str,
        allowed="a virtual queue",
        choices=lambda: [("Billing_VQ", "Billing_VQ")],
        widget="select",
    ),
}

COMPLETE = {"_target": "Billing@StatServer.GA", "_route_point": "8999@SIP_Switch", "_urs_virtual_queue": "Billing_VQ"}


@dataclass
class Service:
    """A configured service without a database."""

    options: dict[str, str] = field(default_factory=dict)
    configuration: str = "User Terminated Immediate"
    type: str = "callback"
    global_sections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
