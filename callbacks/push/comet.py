"""Messages for comet clients: a subset of Bayeux 1.0, polled (docs/push.md, *Comet*).

A poll is answered at once and says when to ask again: a request that waited would hold one of the web's few threads.
Messages wait in the database; a user has few of them, and each for as long as it is good. A client that knows the
acknowledgement extension of CometD gets a message until it has acknowledged it; any other gets it once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.crypto import constant_time_compare, salted_hmac

from callbacks.models import Callback
from callbacks.push.models import CometMessage, CometSubscription

CHANNEL = "/_genesys"
VERSION = "1.0"
LONG_POLLING = "long-polling"
# What a client is told to wait before it asks again: milliseconds.
INTERVAL = 3000
ADVICE: Mapping[str, Any] = {"reconnect": "retry", "interval": INTERVAL, "timeout": 0}
# In one request; CometD's clients batch a handful.
MOST_IN_REQUEST = 20
# For one user: the oldest ones go.
MOST_MESSAGES = 20
MOST_CLIENTS = 5
LONGEST_USER = 256
# A client that has not asked for so long has gone, and starts again with a handshake.
SUBSCRIPTION = timedelta(minutes=10)
# The least that is left of it when it is renewed, so that not every poll writes.
RENEWED_AT = timedelta(minutes=5)
# A new client subscribes within that time; one that asks later without a subscription has lost it.
SUBSCRIBES_WITHIN = timedelta(minutes=1)
_SALT = "callbacks.push.comet"
_LARGEST = 2**63 - 1

Bayeux = dict[str, Any]


class Malformed(Exception):
    """The request is no list of Bayeux messages; says why."""


def put(callback_id: str, *, user: str, body: Mapping[str, str], now: datetime, until: datetime) -> None:
    """Have a message wait for the client of this user, within the caller's transaction; nothing without a user."""
    if not user or len(user) > LONGEST_USER:
        return
    data = {"id": callback_id, "message": dict(body), "tag": f"service.callback.{callback_id}"}
    CometMessage.objects.create(callback_id=callback_id, user=user, data=data, expires_at=until)
    _drop_oldest(CometMessage.objects.filter(user=user), "id", MOST_MESSAGES)


def answer(messages: object, *, user: str, visible: QuerySet[Callback], now: datetime) -> list[Bayeux]:
    """The answers to the Bayeux messages of one request, and what waits for its user.

    `visible` are the callbacks that the client may see. Raises Malformed.
    """
    batch = messages if isinstance(messages, list) else [messages]
    if not 0 < len(batch) <= MOST_IN_REQUEST:
        raise Malformed(f"a request has 1 to {MOST_IN_REQUEST} messages")
    found: list[Bayeux] = []
    for message in batch:
        if not isinstance(message, dict) or not isinstance(message.get("channel"), str):
            raise Malformed("a message is a JSON object with a channel")
        handle = _HANDLERS.get(message["channel"], _refuse_channel)
        reply, *delivered = handle(message, user, visible, now)
        identity = {key: message[key] for key in ("id",) if isinstance(message.get(key), str | int)}
        found += [*delivered, {"channel": message["channel"], **identity, **reply}]
    return found


def _handshake(message: Bayeux, user: str, visible: QuerySet[Callback], now: datetime) -> list[Bayeux]:
    offered = message.get("supportedConnectionTypes")
    common = {"version": VERSION, "supportedConnectionTypes": [LONG_POLLING]}
    if not isinstance(offered, list) or LONG_POLLING not in offered:
        error = f"412:{LONG_POLLING}:there is no other connection type"
        return [{**common, "successful": False, "error": error, "advice": {"reconnect": "none"}}]
    ext = {"ext": {"ack": True}} if _extension(message) is True else {}
    client = _new_client(user, now)
    return [{**common, "clientId": client, "successful": True, "advice": {**ADVICE, "interval": 0}, **ext}]


def _connect(message: Bayeux, user: str, visible: QuerySet[Callback], now: datetime) -> list[Bayeux]:
    client = str(message.get("clientId", ""))
    given_at = _given_at(client, user)
    subscription = CometSubscription.objects.filter(client=client, user=user, expires_at__gt=now).first()
    if given_at is None or (subscription is None and now - given_at > SUBSCRIBES_WITHIN):
        return [_unknown_client()]
    reply: Bayeux = {"clientId": client, "successful": True, "advice": dict(ADVICE)}
    if subscription is None:
        return [reply]
    if subscription.expires_at - now < RENEWED_AT:
        CometSubscription.objects.filter(client=client).update(expires_at=now + SUBSCRIPTION)
    waiting = CometMessage.objects.filter(user=user, callback__in=visible)
    acknowledged = _extension(message)
    if isinstance(acknowledged, int) and not isinstance(acknowledged, bool):
        waiting.filter(pk__lte=min(acknowledged, _LARGEST)).delete()
    found = list(waiting.filter(expires_at__gt=now).order_by("pk")[:MOST_MESSAGES])
    if acknowledged is None:
        CometMessage.objects.filter(pk__in=[each.pk for each in found]).delete()
    else:
        reply["ext"] = {"ack": found[-1].pk if found else acknowledged}
    return [reply, *({"channel": CHANNEL, "data": each.data} for each in found)]


def _subscribe(message: Bayeux, user: str, visible: QuerySet[Callback], now: datetime) -> list[Bayeux]:
    client, wanted = str(message.get("clientId", "")), message.get("subscription")
    if _given_at(client, user) is None:
        return [_unknown_client()]
    reply = {"clientId": client, "subscription": wanted}
    if wanted not in (CHANNEL, [CHANNEL]):
        return [{**reply, "successful": False, "error": f"403:{CHANNEL}:there is no other channel"}]
    values = {"user": user, "expires_at": now + SUBSCRIPTION}
    CometSubscription.objects.update_or_create(client=client, defaults=values)
    _drop_oldest(CometSubscription.objects.filter(user=user), "expires_at", MOST_CLIENTS)
    return [{**reply, "successful": True}]


def _leave(message: Bayeux, user: str, visible: QuerySet[Callback], now: datetime) -> list[Bayeux]:
    client = str(message.get("clientId", ""))
    if _given_at(client, user) is None:
        return [_unknown_client()]
    CometSubscription.objects.filter(client=client, user=user).delete()
    subscription = {"subscription": message["subscription"]} if "subscription" in message else {}
    return [{"clientId": client, **subscription, "successful": True}]


def _refuse_channel(message: Bayeux, user: str, visible: QuerySet[Callback], now: datetime) -> list[Bayeux]:
    return [{"successful": False, "error": "403::nothing can be published"}]


_HANDLERS: Mapping[str, Callable[[Bayeux, str, QuerySet[Callback], datetime], list[Bayeux]]] = {
    "/meta/handshake": _handshake,
    "/meta/connect": _connect,
    "/meta/subscribe": _subscribe,
    "/meta/unsubscribe": _leave,
    "/meta/disconnect": _leave,
}


def _unknown_client() -> Bayeux:
    return {"successful": False, "error": "402::unknown client", "advice": {"reconnect": "handshake", "interval": 0}}


def _extension(message: Bayeux) -> object:
    """What the acknowledgement extension says; None without it."""
    extensions = message.get("ext")
    return extensions.get("ack") if isinstance(extensions, dict) else None


def _new_client(user: str, now: datetime) -> str:
    """A clientId. Nothing is stored of it: it says when it was given, and its signature to whom."""
    name = f"{int(now.timestamp()):x}.{secrets.token_hex(8)}"
    return f"{name}.{_signature(name, user)}"


def _given_at(client: str, user: str) -> datetime | None:
    """When this clientId was given to this user; None where it was not."""
    name, _, signature = client.rpartition(".")
    if not constant_time_compare(_signature(name, user), signature):
        return None
    return datetime.fromtimestamp(int(name.partition(".")[0], 16), UTC)


def _signature(name: str, user: str) -> str:
    return salted_hmac(_SALT, f"{name} {user}").hexdigest()[:32]


def _drop_oldest(rows: QuerySet[Any], order: str, most: int) -> None:
    """Delete those beyond `most`, those with the least of `order` first."""
    surplus = list(rows.order_by(f"-{order}").values_list("pk", flat=True)[most : most + 100])
    if surplus:
        rows.filter(pk__in=surplus).delete()
