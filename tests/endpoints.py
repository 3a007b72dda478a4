"""Every address of the site, and who may use it: one line each. tests/test_endpoints.py requests every cell.

A new address is a new line here and, where it is for a new kind of reader, one in docs/security.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from services.models import ADMIN, QUERY, START

# Roles of the pages
ANONYMOUS = "anonymous"
AGENT = "agent"
LOOKER = "read-only supervisor"
SUPERVISOR = "supervisor"
STAFF = "staff without permissions"
ADMINISTRATOR = "administrator"
PEOPLE = (ANONYMOUS, AGENT, LOOKER, SUPERVISOR, STAFF, ADMINISTRATOR)

NOBODY: tuple[str, ...] = ()
EVERYBODY = PEOPLE
# What they then see and do is what belongs to the agent that their user is joined to.
SIGNED_IN = PEOPLE[1:]
LOOK = (LOOKER, SUPERVISOR, ADMINISTRATOR)
ACT = (SUPERVISOR, ADMINISTRATOR)
OFFICE = (STAFF, ADMINISTRATOR)
ADMINISTER = (ADMINISTRATOR,)


@dataclass(frozen=True)
class Page:
    """`method` is what it is for; `sends` fills in the address's parts and the form or query."""

    who: tuple[str, ...]
    method: str = "GET"
    sends: dict[str, str] = field(default_factory=dict)


# Of office hours there is a preview.
HOURS = {"object_id": "{hours}"}
A_JOB = {"pk": "{job}"}
# One that who asks has saved.
A_VIEW = {"pk": "1000"}

PAGES = {
    "": Page(SIGNED_IN),
    "login/": Page(EVERYBODY),
    "logout/": Page(EVERYBODY, "POST"),
    "account/": Page(SIGNED_IN),
    "account/password/": Page(SIGNED_IN),
    "account/lost-password/": Page(EVERYBODY),
    "account/lost-password/sent/": Page(EVERYBODY),
    # Who has the link has the mailbox; an old one is told so.
    "account/new-password/<uidb64>/<token>/": Page(EVERYBODY, sends={"uidb64": "MQ", "token": "old"}),
    "board/": Page(LOOK),
    "agents/": Page(LOOK),
    "agents/<int:agent_id>/": Page(LOOK),
    "agents/<int:agent_id>/state/": Page(ACT, "POST"),
    "agents/<int:agent_id>/release/": Page(ACT, "POST"),
    "callbacks/": Page(LOOK),
    "callbacks/<slug:callback_id>/": Page(LOOK),
    "callbacks/<slug:callback_id>/acts/": Page(ACT),
    "callbacks/<slug:callback_id>/<slug:act>/": Page(ACT, sends={"act": "note"}),
    "callbacks/views/": Page(LOOK, "POST"),
    "callbacks/views/<int:pk>/": Page(LOOK, "POST", A_VIEW),
    "callbacks/views/<int:pk>/delete/": Page(LOOK, "POST", A_VIEW),
    "callbacks/new/": Page(ACT),
    "callbacks/new/number/": Page(ACT, "POST"),
    "callbacks/dialled/": Page(LOOK),
    "callbacks/dialled/release/": Page(ACT, "POST"),
    "jobs/": Page(LOOK),
    "jobs/<int:pk>/": Page(LOOK, sends=A_JOB),
    "jobs/<int:pk>/stop/": Page(ACT, "POST", A_JOB),
    # Once, for who asked for it.
    "jobs/<int:pk>/file/": Page(LOOK, "POST", A_JOB),
    "jobs/<int:pk>/summary/": Page(LOOK, sends=A_JOB),
    "jobs/<int:pk>/cancelled/": Page(LOOK, sends=A_JOB),
    "jobs/cancel/": Page(ACT, "POST"),
    "jobs/cancel/start/": Page(ACT, "POST"),
    "jobs/export/": Page(LOOK, "POST"),
    "calendar/": Page(LOOK),
    "calendar/block/": Page(ACT, "POST", {"service": "voice-userterm-immediate"}),
    "calendar/unblock/": Page(ACT, "POST", {"service": "voice-userterm-immediate"}),
    "pauses/": Page(LOOK),
    # For whom there is no banner it is empty, so that nobody is led away from a form.
    "pauses/banner/": Page(EVERYBODY),
    "pauses/ask/": Page(ACT),
    "pauses/pause/": Page(ACT, "POST", {"service": "all"}),
    "pauses/resume/": Page(ACT, "POST", {"service": "all"}),
    "reports/": Page(LOOK),
    "reports/callbacks.csv": Page(LOOK),
    "reports/<slug:name>.csv": Page(LOOK, sends={"name": "funnel"}),
    "what-if/": Page(LOOK),
    "estimates/": Page(LOOK),
    "notifications/": Page(LOOK),
    "notifications/resend/": Page(ACT, "POST"),
    # The customer's link: its signature lets in whoever has it.
    "a/<str:callback_id>/<str:signature>/": Page(EVERYBODY),
    "desk/": Page(SIGNED_IN),
    "desk/day/": Page(SIGNED_IN),
    "desk/ready/": Page(SIGNED_IN, "POST"),
    "desk/not-ready/": Page(SIGNED_IN, "POST"),
    "desk/log-out/": Page(SIGNED_IN, "POST"),
    "desk/place/": Page(SIGNED_IN, "POST"),
    "desk/told/": Page(SIGNED_IN, "POST"),
    "desk/offer/accept/": Page(SIGNED_IN, "POST"),
    "desk/offer/reject/": Page(SIGNED_IN, "POST"),
    "desk/call/hold/": Page(SIGNED_IN, "POST"),
    "desk/call/hang-up/": Page(SIGNED_IN, "POST"),
    "desk/disposition/": Page(SIGNED_IN, "POST"),
    "demo/": Page(EVERYBODY),
    "api/schema/": Page(EVERYBODY),
    "api/docs/": Page(EVERYBODY),
    "admin/": Page(OFFICE),
    "admin/login/": Page(EVERYBODY),
    "admin/logout/": Page(EVERYBODY, "POST"),
    "admin/password_change/": Page(OFFICE),
    "admin/password_change/done/": Page(OFFICE),
    "admin/autocomplete/": Page(
        ADMINISTER, sends={"app_label": "telephony", "model_name": "agent", "field_name": "user"}
    ),
    "admin/jsi18n/": Page(OFFICE),
    # Nothing in the admin has a page of its own elsewhere.
    "admin/r/<path:content_type_id>/<path:object_id>/": Page(NOBODY),
    "admin/^(?P<app_label>…)/$": Page(ADMINISTER, sends={"app_label": "services"}),
    "admin/(?P<url>.*)$": Page(NOBODY, sends={"url": "nowhere"}),
    "admin/callbacks/customerdatarequest/ask/": Page(ADMINISTER),
    "admin/auth/user/<id>/password/": Page(ADMINISTER),
    "admin/services/change/<int:change_id>/restore/": Page(ADMINISTER),
    "admin/services/configuredservice/compare/": Page(ADMINISTER),
    "admin/services/configuredservice/<path:object_id>/check/": Page(ADMINISTER, "POST"),
    "admin/services/configuredservice/<path:object_id>/copy/": Page(ADMINISTER),
    "admin/services/configuredservice/<path:object_id>/preview/": Page(ADMINISTER, "POST", HOURS),
    "admin/services/configuredservice/<path:object_id>/preview/<str:option>/": Page(
        ADMINISTER, "POST", {"option": "_target"}
    ),
}

# What administrators may do with each kind of thing in the admin: look, add, change, delete. Nobody else may anything
# there, but for whom they give a permission of Django's and staff status.
ADMIN_MODELS = {
    "auth.group": "look add change delete",
    "auth.user": "look add change delete",
    "callbacks.auditfinding": "look",
    "callbacks.callback": "look",
    "callbacks.customerdatarequest": "look",
    "callbacks.job": "look",
    "callbacks.notice": "look",
    "callbacks.pending": "look",
    "django_celery_beat.clockedschedule": "look add change delete",
    "django_celery_beat.crontabschedule": "look add change delete",
    "django_celery_beat.intervalschedule": "look add change delete",
    "django_celery_beat.periodictask": "look add change delete",
    "django_celery_beat.solarschedule": "look add change delete",
    "scheduling.timer": "look",
    "services.apikey": "look add change delete",
    "services.change": "look",
    "services.configuredservice": "look add change delete",
    "services.namedlist": "look add change delete",
    "services.section": "look add change delete",
    "telephony.agent": "look add change delete",
    "telephony.agentgroup": "look add change delete",
    "telephony.blockednumber": "look add change delete",
    "telephony.call": "look",
    "telephony.hourmeasure": "look",
    "telephony.leg": "look",
    "telephony.place": "look add change delete",
    "telephony.placegroup": "look add change delete",
    "telephony.prediction": "look",
    "telephony.queueentry": "look",
    "telephony.queuemeasure": "look",
    "telephony.routepoint": "look add change delete",
    "telephony.skill": "look add change delete",
    "telephony.switch": "look add change delete",
    "telephony.unconfirmeddeletion": "look",
    "telephony.virtualqueue": "look add change delete",
}

# Nothing is said there of anybody.
OPEN = "open"


@dataclass(frozen=True)
class Operation:
    """`scope` is what a key needs; `path` and `sends` make a request of it that makes sense."""

    scope: str
    sends: dict[str, Any] = field(default_factory=dict)
    path: str = ""


NUMBER = {"_customer_number": "5115"}
# Below the base path, by address and method.
API = {
    ("1/admin/callback/queues", "get"): Operation(ADMIN),
    ("1/admin/callback/watermarks", "get"): Operation(ADMIN),
    ("1/admin/callback/cancel", "post"): Operation(ADMIN, {"reason": "CANCELLED_BY_ADMIN", "ids": []}),
    ("1/admin/callback/reportcancelled", "post"): Operation(ADMIN, {"callback_reason": "CANCELLED_BY_ADMIN"}),
    ("1/service/callback", "get"): Operation(QUERY, NUMBER),
    ("1/service/callback/<str:name>", "get"): Operation(QUERY),
    ("1/service/callback/<str:name>", "post"): Operation(START, NUMBER),
    ("1/service/callback/<str:name>/availability", "get"): Operation(START),
    ("2/service/callback/<str:name>/availability", "get"): Operation(START),
    ("1/service/callback/<str:name>/<str:callback_id>", "put"): Operation(START, {"topic": "a bill"}),
    ("1/service/callback/<str:name>/<str:callback_id>", "delete"): Operation(START),
    ("1/service/callback/<str:name>/<str:callback_id>/served", "post"): Operation(START),
    ("1/service/<str:name>", "get"): Operation(START, path="1/service/hours"),
    ("1/service/<str:name>", "post"): Operation(START, {"_customer_number": "5116"}),
    ("1/service/<str:callback_id>/connect", "get"): Operation(START),
    ("1/service/<str:callback_id>/connect", "post"): Operation(START),
    ("1/service/<str:callback_id>/snooze", "post"): Operation(START),
    ("1/service/<str:callback_id>/dialog", "get"): Operation(START),
    ("1/service/<str:callback_id>/check-queue-position", "get"): Operation(START),
    ("1/service/<str:callback_id>/check-queue-position", "post"): Operation(START),
    ("1/service/<str:callback_id>/storage", "get"): Operation(QUERY),
    ("1/service/<str:callback_id>/storage", "post"): Operation(START, {"a": "b"}),
    ("1/service/<str:callback_id>/storage/<str:key>", "get"): Operation(QUERY),
    ("1/service/<str:callback_id>/storage/<str:key>", "delete"): Operation(START),
    ("1/service/<str:callback_id>/storage/binary/<str:key>", "get"): Operation(QUERY),
    ("1/storage/<str:storage_id>", "get"): Operation(QUERY),
    ("1/storage/<str:storage_id>", "post"): Operation(START, {"a": "b"}, path="1/storage/60"),
    ("1/storage/<str:storage_id>", "delete"): Operation(START),
    ("1/storage/<str:storage_id>/<str:key>", "get"): Operation(QUERY),
    ("1/storage/<str:storage_id>/<str:key>", "post"): Operation(START, {"a": "b"}, path="1/storage/{storage_id}/60"),
    ("1/storage/binary/<str:storage_id>/<str:key>", "get"): Operation(QUERY),
    ("1/phonenumber", "get"): Operation(START, {"number": "+16504661232", "country": "US"}),
    ("cometd", "post"): Operation(START),
    ("^cometd/(?P<kind>…)$", "post"): Operation(START, path="cometd/handshake"),
    # Whatever else is asked for: 404.
    ("", "*"): Operation(OPEN),
}  # fmt: skip
