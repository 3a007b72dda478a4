"""Asterisk's REST interface: one request, its time limits, and what its refusals mean."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import quote

import httpx2

from telephony.switch import LEG_PREFIX, LegSeen, LegState, Unavailable

CONNECT_SECONDS = 2.0
READ_SECONDS = 3.0
# Asterisk closes idle connections after 15 s; ours go first, so that no request meets a connection just closed.
KEEPALIVE_SECONDS = 5.0
# What cannot be handed over in the time that we wait for an answer is not handed over later either: once a network is
# whole again, a forgotten dial would ring somebody whose call has moved on. Only Linux can.
SOCKET_OPTIONS = (
    [(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(READ_SECONDS * 1000))]
    if hasattr(socket, "TCP_USER_TIMEOUT")
    else []
)
# A leg enters the application a few milliseconds after it was created, or after it came back from the dialplan.
ENTER_SECONDS = 1.0
ENTER_RETRY_SECONDS = 0.02

# A bridge is made a moment before the legs enter it.
EMPTY_BRIDGE_AGE = timedelta(seconds=60)

# The first argument with which a customer who called us enters the application; the second is the number called.
ARRIVES = "inbound"

Json = dict[str, Any]


class SwitchRow(Protocol):
    """What is read of the database row, so that nothing here needs the database."""

    ari_url: Any
    ari_user: Any
    ari_password: Any
    ari_app: Any
    detection_context: Any
    sound_prefix: Any


@dataclass(frozen=True)
class Settings:
    """How to reach one Asterisk, and the names that its configuration gives to our parts."""

    url: str
    user: str
    password: str
    app: str
    detection_context: str
    sound_prefix: str

    @classmethod
    def of(cls, row: SwitchRow) -> Settings:
        return cls(
            url=str(row.ari_url).rstrip("/"),
            user=str(row.ari_user),
            password=str(row.ari_password),
            app=str(row.ari_app),
            detection_context=str(row.detection_context),
            sound_prefix=str(row.sound_prefix).strip("/"),
        )


class Ari:
    """A pooled client. Raises `Unavailable` for everything that may pass; 4xx and other answers are the caller's."""

    def __init__(self, settings: Settings, transport: httpx2.BaseTransport | None = None) -> None:
        self.settings = settings
        self._http = httpx2.Client(
            base_url=f"{settings.url}/ari",
            auth=(settings.user, settings.password),
            timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,
            transport=transport
            or httpx2.HTTPTransport(
                limits=httpx2.Limits(keepalive_expiry=KEEPALIVE_SECONDS),
                trust_env=False,
                socket_options=SOCKET_OPTIONS,
            ),
        )

    def close(self) -> None:
        self._http.close()

    def request(self, method: str, path: str, *, body: Json | None = None, **params: str | int) -> httpx2.Response:
        try:
            answer = self._http.request(method, path, params=params or None, json=body)
        except httpx2.TransportError as error:
            raise Unavailable(f"Asterisk does not answer: {type(error).__name__}") from error
        if answer.status_code in (401, 403):
            raise Unavailable("Asterisk refuses our ARI user or password")
        return answer

    def enter(self, method: str, path: str, *, body: Json | None = None, **params: str | int) -> httpx2.Response:
        """A request about a leg that may still be on its way into the application: repeated for up to a second."""
        give_up = time.monotonic() + ENTER_SECONDS
        while True:
            answer = self.request(method, path, body=body, **params)
            outside = answer.status_code in (409, 422) and "not in Stasis" in answer.text
            if not outside or time.monotonic() >= give_up:
                return answer
            time.sleep(ENTER_RETRY_SECONDS)

    def read(self, path: str) -> Any:
        """The JSON of a resource; None where there is none."""
        answer = self.request("GET", path)
        if answer.status_code == 404:
            return None
        if answer.is_error:
            raise unexpected(answer)
        return answer.json()

    def our_channels(self) -> list[Json]:
        """The legs of this installation: another may have its own on the same Asterisk, under another application."""
        app = self.settings.app
        return [
            channel
            for channel in self.read("/channels") or []
            if channel["accountcode"] == app
            and (channel["id"].startswith(LEG_PREFIX) or entered_with(channel, app)[0] == ARRIVES)
        ]

    def legs_of(self, channels: list[Json]) -> tuple[LegSeen, ...]:
        """The legs as the contract tells them, with the bridge that each is in."""
        bridge_of = {member: bridge["id"] for bridge in self._our_bridges() for member in bridge["channels"]}
        return tuple(leg_seen(channel, bridge_of.get(channel["id"])) for channel in channels)

    def delete_empty_bridges(self, now: datetime) -> None:
        """Bridges that everybody has left: during a hold, which makes its bridge anew, or when both hung up at once."""
        for bridge in self._our_bridges():
            if not bridge["channels"] and datetime.fromisoformat(bridge["creationtime"]) < now - EMPTY_BRIDGE_AGE:
                self.request("DELETE", f"/bridges/{part(bridge['id'])}")

    def _our_bridges(self) -> list[Json]:
        return [bridge for bridge in self.read("/bridges") or [] if bridge["id"].startswith(LEG_PREFIX)]


def entered_with(channel: Json, app: str) -> list[str]:
    """The arguments with which the channel is now in this application; [""] where it is not."""
    dialplan = channel["dialplan"]
    name, *args = dialplan.get("app_data", "").split(",")
    return args if args and dialplan.get("app_name") == "Stasis" and name == app else [""]


def leg_seen(channel: Json, bridge: str | None) -> LegSeen:
    return LegSeen(
        id=channel["id"],
        state=STATES.get(channel["state"], LegState.CREATED),
        created_at=datetime.fromisoformat(channel["creationtime"]),
        bridge=bridge,
    )


# A dialled channel stays "Down" until it rings: whether it was sent is not to be seen on the switch.
STATES = {"Ringing": LegState.RINGING, "Ring": LegState.RINGING, "Up": LegState.UP}


def part(identifier: str) -> str:
    """One part of a path: our ids are free to hold any character."""
    return quote(identifier, safe="")


def unexpected(answer: httpx2.Response) -> Unavailable:
    return Unavailable(f"Asterisk answered {answer.status_code}: {answer.text[:200]}")
