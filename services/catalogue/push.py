"""The section `[push]`, and those of further providers: `[push.provider.<name>]`, which `_provider_name` names.

No secret stands in any of them: they name files below PUSH_CREDENTIALS.
"""

from __future__ import annotations

from services import kinds
from services.catalogue.option import DAY, Option
from services.kinds import URL

SECTION = "push"
PROVIDER_PREFIX = "push.provider."

_FILE = kinds.pattern(
    "credentials_file",
    r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*){0,7}",
    "the name of a file below PUSH_CREDENTIALS, such as app.json; never the secret itself",
)

# What a provider's section may say as well.
OF_PROVIDERS = (
    Option(
        name="customhttp.url",
        kind=URL,
        section=SECTION,
        help="Where messages to devices of the kind customhttp are posted, as JSON with deviceId and message.",
    ),
    Option(
        name="fcm.credentials",
        kind=_FILE,
        section=SECTION,
        help="The key file (JSON) of the Google service account through which devices of the kind fcm are reached.",
    ),
    Option(
        name="debug.fcm.credentials",
        kind=_FILE,
        section=SECTION,
        help="The key file that is used in its place with _use_debug_push_certificate.",
    ),
    Option(
        name="fcm.apiKey",
        kind=kinds.text(),
        section=SECTION,
        secret=True,
        note="Since release 8.5.112.05.",
        help="The key of Google's earlier interface.",
    ),
    Option(
        name="debug.fcm.apiKey",
        kind=kinds.text(),
        section=SECTION,
        secret=True,
        note="Since release 8.5.112.05.",
        help="The key of Google's earlier interface that was used with _use_debug_push_certificate.",
    ),
    Option(
        name="fcm.title",
        kind=kinds.text(),
        section=SECTION,
        note="Since release 8.5.114.09.",
        help="The title of messages to devices of the kind fcm, where the service's message file has none.",
    ),
    Option(
        name="fcm.body",
        kind=kinds.text(),
        section=SECTION,
        note="Since release 8.5.114.09.",
        help="The text of messages to devices of the kind fcm, where the service's message file has none.",
    ),
    Option(
        name="apns.credentials",
        kind=_FILE,
        section=SECTION,
        help="The file (.p8) of the key with which Apple lets us send to devices of the kind ios.",
    ),
    Option(
        name="apns.keyId",
        kind=kinds.pattern("apns_id", r"[A-Za-z0-9]{10}", "10 letters and digits"),
        section=SECTION,
        help="The id of that key.",
    ),
    Option(
        name="apns.teamId",
        kind=kinds.pattern("apns_id", r"[A-Za-z0-9]{10}", "10 letters and digits"),
        section=SECTION,
        help="The id of the developer's team that it belongs to.",
    ),
    Option(
        name="apns.topic",
        kind=kinds.pattern("apns_topic", r"[A-Za-z0-9.-]{1,255}", "the bundle id of an app, such as org.example.app"),
        section=SECTION,
        help="The bundle id of the app.",
    ),
    Option(
        name="apns.title",
        kind=kinds.text(),
        section=SECTION,
        help="The title of messages to devices of the kind ios, where the service's message file has none.",
    ),
    Option(
        name="apns.body",
        kind=kinds.text(),
        section=SECTION,
        help="The text of messages to devices of the kind ios, where the service's message file has none.",
    ),
    Option(
        name="sms.gateway",
        kind=kinds.choice("http", "console"),
        section=SECTION,
        default="http",
        help="What sends text messages: http, a gateway that takes JSON; console, the log of the worker, for trials.",
    ),
    Option(
        name="sms.url",
        kind=URL,
        section=SECTION,
        help="Where text messages are posted.",
    ),
    Option(
        name="sms.body",
        kind=kinds.JSON,
        section=SECTION,
        default='{"to": "{to}", "text": "{text}"}',
        help="What is posted, as JSON; in its texts {to} is the number as +4930…, {text} the message, {id} its id.",
    ),
    Option(
        name="sms.authorization",
        kind=_FILE,
        section=SECTION,
        help="The file with what the header Authorization says to the gateway.",
    ),
    Option(
        name="sms.signingSecret",
        kind=_FILE,
        section=SECTION,
        help="The file with the secret with which requests to the gateway are signed (Standard Webhooks, whsec_…).",
    ),
)

OPTIONS = (
    Option(
        name="pushEnabled",
        kind=kinds.names("kinds of push"),
        section=SECTION,
        default="comet",
        help="Which devices can be told something: comet, httpcb, customhttp, fcm, ios, sms. Others are ignored; with "
        "none, no device.",
    ),
    *OF_PROVIDERS,
    Option(
        name="defaultSubscriptionExpiration",
        kind=kinds.seconds(30, DAY),
        section=SECTION,
        default="30",
        help="How long a client's subscription to messages lasts that does not say so itself.",
    ),
)
