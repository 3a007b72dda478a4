"""The switch contract on Asterisk: each verb is one to three ARI requests and may be repeated."""

from __future__ import annotations

import json
import logging
import time
from pathlib import PurePosixPath

import httpx2

from telephony.asterisk.ari import (
    ENTER_RETRY_SECONDS,
    ENTER_SECONDS,
    Ari,
    Settings,
    SwitchRow,
    part,
    unexpected,
)
from telephony.asterisk.headers import headers
from telephony.switch import LegRequest, LegSeen, Rejected, Sounds, Unavailable, Verdict

logger = logging.getLogger(__name__)

# Asterisk takes no request body above 40 kB. A looped list is repeated up to that (some 700 times), so that it goes on
# for hours while none of our processes is alive: Asterisk has no other way to repeat a list.
LOOP_BYTES = 38_000
# In a treatment's path: a scheme, another system's separator, an escape.
_LEAD_AWAY = (":", "\\", "%")
AUDIO_SUFFIXES = frozenset(
    {".wav", ".wav16", ".gsm", ".ulaw", ".alaw", ".ul", ".al", ".sln", ".sln16", ".g722", ".mp3"}
)
# The event by which `stop` tells the listener that the end of this list is not to be reported: Asterisk's own
# PlaybackFinished looks the same for a list that was stopped and one that ended.
STOP_EVENT = "CallbacksiteStop"
# Channel variables that telephony/asterisk/etc/callbacksite.conf reads.
APP_VARIABLE = "CB_APP"
PREFIX_VARIABLE = "CB_PREFIX"
BEEP_NUMBER_VARIABLE = "CB_BEEP"
# The one word on a channel that its list shows wherever the channel is: by it each installation knows its own legs.
ACCOUNT_FUNCTION = "CHANNEL(accountcode)"
# Written on a channel that is not dialled yet, it goes out with the INVITE.
HEADER_FUNCTION = "PJSIP_HEADER(add,{name})"
SIP_PHONE = "PJSIP/"
# Read by the listener when the dialplan comes back after the beep.
BEEP_MEDIA_VARIABLE = "CB_BEEP_MEDIA"
BEEP_EXTENSION = "beep"
# First argument with which a leg enters the application: as created (detection to come), or back from the dialplan.
ENTERS_PLAIN = "leg"
ENTERS_FOR_DETECTION = "detect"
BACK_FROM_DETECTION = "cpd"
BACK_FROM_BEEP = "beep"


class AsteriskSwitch:
    """One Asterisk, as `telephony.switch.Switch` wants it. Safe to share between threads, not between processes."""

    verdicts = frozenset({Verdict.HUMAN, Verdict.MACHINE, Verdict.FAX, Verdict.UNSURE})

    def __init__(self, row: SwitchRow, transport: httpx2.BaseTransport | None = None) -> None:
        self.settings = Settings.of(row)
        self.ari = Ari(self.settings, transport)

    def create_leg(self, request: LegRequest) -> None:
        variables = {
            APP_VARIABLE: self.settings.app,
            PREFIX_VARIABLE: self.settings.sound_prefix,
            ACCOUNT_FUNCTION: self.settings.app,
        }
        # ARI has no caller id for a leg that is created and dialled in two steps. What the far end is shown is the
        # identity of whoever the leg is connected to, which can be written ("i": nobody is to be informed of it yet).
        if request.caller_number:
            variables["CONNECTEDLINE(num,i)"] = request.caller_number
        if request.caller_name:
            variables["CONNECTEDLINE(name,i)"] = request.caller_name
        variables |= _header_variables(request)
        answer = self.ari.request(
            "POST",
            "/channels/create",
            body={
                "endpoint": request.endpoint,
                "app": self.settings.app,
                "appArgs": ENTERS_FOR_DETECTION if request.detect else ENTERS_PLAIN,
                "channelId": request.id,
                "variables": variables,
            },
        )
        if answer.status_code == 409:  # it lives already
            return
        # Asterisk says "Allocation failed" (500) of an endpoint that it does not know or that has no address.
        if answer.status_code in (400, 500):
            raise Rejected(f"Asterisk cannot create a leg to this endpoint: {answer.text[:200]}")
        if answer.is_error:
            raise unexpected(answer)

    def dial_leg(self, leg: str, *, timeout: int) -> None:
        answer = self.ari.enter("POST", f"/channels/{part(leg)}/dial", timeout=timeout)
        if answer.status_code == 404:
            raise Rejected("the leg is gone")
        if answer.status_code == 409 and "'Down' state" in answer.text:  # it rings or talks already
            return
        if answer.is_error:
            raise unexpected(answer)

    def delete_leg(self, leg: str) -> None:
        answer = self.ari.request("DELETE", f"/channels/{part(leg)}")
        if answer.is_error and answer.status_code != 404:
            raise unexpected(answer)

    def play(self, leg: str, sounds: Sounds) -> None:
        media = [media_of(self.settings.sound_prefix, file) for file in sounds.files]
        if sounds.loop:
            media *= max(1, LOOP_BYTES // len(json.dumps(media)))
        if sounds.after_beep:
            self._play_after_beep(leg, sounds.number, media)
            return
        # Asked first, because Asterisk would queue a second playback under the same id.
        if self.ari.read(f"/playbacks/{part(playback_id(leg, sounds.number))}") is None:
            start_playback(self.ari, leg, sounds.number, media)

    def stop(self, leg: str, number: int) -> None:
        playback = playback_id(leg, number)
        # Without a listener Asterisk does not know the application (404): then nobody misunderstands the end either.
        self.ari.request(
            "POST",
            f"/events/user/{STOP_EVENT}",
            application=self.settings.app,
            body={"variables": {"stopped": playback}},
        )
        answer = self.ari.request("DELETE", f"/playbacks/{part(playback)}")
        if answer.is_error and answer.status_code != 404:
            raise unexpected(answer)

    def join(self, bridge: str, legs: tuple[str, ...]) -> None:
        path = f"/bridges/{part(bridge)}"
        created = self.ari.request("POST", path, type="mixing")
        if created.is_error and created.status_code != 409:  # 409: it exists
            raise unexpected(created)
        # A leg added to the bridge in which it is would leave it and enter again, audibly.
        inside = (self.ari.read(path) or {}).get("channels", [])
        missing = [leg for leg in legs if leg not in inside]
        if not missing:
            return
        answer = self.ari.enter("POST", f"{path}/addChannel", channel=",".join(missing))
        if answer.status_code == 400:
            raise Rejected("a leg to be joined is gone")
        if answer.is_error:
            raise unexpected(answer)

    def hold(self, bridge: str, leg: str) -> None:
        answer = self.ari.request("POST", f"/bridges/{part(bridge)}/removeChannel", channel=leg)
        # No such bridge or leg, or the leg is not in this bridge: it is out of it.
        if answer.is_error and answer.status_code not in (400, 404, 409, 422):
            raise unexpected(answer)

    def close_bridge(self, bridge: str) -> None:
        answer = self.ari.request("DELETE", f"/bridges/{part(bridge)}")
        if answer.is_error and answer.status_code != 404:
            raise unexpected(answer)

    def list_legs(self) -> tuple[LegSeen, ...]:
        return self.ari.legs_of(self.ari.our_channels())

    def close(self) -> None:
        self.ari.close()

    def _play_after_beep(self, leg: str, number: int, media: list[str]) -> None:
        """Send the leg into the dialplan, which waits for the beep and comes back; the listener then plays the list."""
        give_up = time.monotonic() + ENTER_SECONDS
        while not self._sent_to_wait(leg, number, media):
            if time.monotonic() >= give_up:
                raise Unavailable("the leg is not in our application")
            time.sleep(ENTER_RETRY_SECONDS)

    def _sent_to_wait(self, leg: str, number: int, media: list[str]) -> bool:
        """True when the leg is, or was for this list, in the dialplan; False while it is on its way in or out of it."""
        path = f"/channels/{part(leg)}"
        channel = self.ari.read(path)
        if channel is None:
            raise Rejected("the leg is gone")
        dialplan = channel["dialplan"]
        if dialplan["app_name"] != "Stasis" or dialplan["app_data"] == f"{self.settings.app},{BACK_FROM_BEEP},{number}":
            return True
        context = self.settings.detection_context
        for act, body in (
            ("variable", {"variable": BEEP_MEDIA_VARIABLE, "value": json.dumps(media)}),
            ("variable", {"variable": BEEP_NUMBER_VARIABLE, "value": str(number)}),
            ("continue", {"context": context, "extension": BEEP_EXTENSION, "priority": 1}),
        ):
            answer = self.ari.request("POST", f"{path}/{act}", body=body)
            if answer.status_code == 409:
                return False
            if answer.is_error:
                raise unexpected(answer)
        return True


def _header_variables(request: LegRequest) -> dict[str, str]:
    """The attached data as SIP headers. Another channel driver has none: its phone rings without the data."""
    if not request.attached:
        return {}
    if not request.endpoint.startswith(SIP_PHONE):
        logger.warning("leg %s: not a SIP phone, it is not given the attached data", request.id)
        return {}
    made, short = headers(request.attached)
    if short:
        # Neither keys nor texts: they are the customer's own words.
        total = len(request.attached)
        logger.warning("leg %s: %s of %s attached texts are cut or left out", request.id, short, total)
    return {HEADER_FUNCTION.format(name=name): value for name, value in made}


def playback_id(leg: str, number: int) -> str:
    return f"{leg}~{number}"


def leg_and_number(playback: str) -> tuple[str, int] | None:
    """The list that a playback is of; None for somebody else's."""
    leg, _, number = playback.rpartition("~")
    return (leg, int(number)) if leg and number.isdecimal() else None


def media_of(prefix: str, file: str) -> str:
    """Asterisk's name of a treatment: without the extension, since it chooses the format itself.

    Raises Rejected for what does not lie below the sound store; Asterisk would fetch a web address.
    """
    path = PurePosixPath(file.lstrip("/"))
    if ".." in path.parts or not path.parts or not file.isprintable() or any(sign in file for sign in _LEAD_AWAY):
        raise Rejected("a treatment lies below the sound store")
    if path.suffix.lower() in AUDIO_SUFFIXES:
        path = path.with_suffix("")
    return f"sound:{prefix}/{path}" if prefix else f"sound:{path}"


def start_playback(ari: Ari, leg: str, number: int, media: list[str]) -> None:
    answer = ari.enter("POST", f"/channels/{part(leg)}/play/{part(playback_id(leg, number))}", body={"media": media})
    if answer.status_code in (404, 412):  # 412: it is hanging up
        raise Rejected("the leg is gone")
    if answer.is_error:
        raise unexpected(answer)
