"""What every callback has: who dials, when, which keys, how long agents are reserved."""

from __future__ import annotations

from dataclasses import replace

from services import kinds
from services.catalogue import office_hours
from services.catalogue.credentials import credentials
from services.catalogue.option import DAY, YEAR, Option
from services.kinds import BOOLEAN, KEYS, NUMBERS, URLS

SECTION = "General"


def _overridable() -> list[tuple[str, str]]:
    from services.catalogue import CALLBACK_OPTIONS  # this table is a part of it

    return [(option.name, option.name) for option in CALLBACK_OPTIONS if option.overridable]


_KIND_OF_SERVICE = (
    Option(
        name="_type",
        kind=kinds.choice("ors", "builtin"),
        section=SECTION,
        default="ors",
        mandatory=True,
        advanced=True,
        overridable=False,
        help="Where the vendor's system runs the service. Kept for compatibility; both words mean the same here.",
    ),
    Option(
        name="_service",
        kind=kinds.choice("callback"),
        section=SECTION,
        default="callback",
        mandatory=True,
        advanced=True,
        overridable=False,
        help="The application behind the service. Only the built-in one is run, not SCXML applications of your own.",
    ),
    Option(
        name="_service_type",
        kind=kinds.choice("callback"),
        section=SECTION,
        advanced=True,
        overridable=False,
        help="Says of an SCXML application of your own that it is a callback service.",
    ),
    Option(
        name="_media_type",
        kind=kinds.choice("voice", "chat"),
        section=SECTION,
        default="voice",
        mandatory=True,
        help="The medium an agent must be able to handle. Callbacks by chat end at once here: there is no chat.",
    ),
    Option(
        name="_call_direction",
        kind=kinds.choice("USERTERMINATED", "USERORIGINATED"),
        section=SECTION,
        default="USERORIGINATED",
        help="Who dials: USERTERMINATED, we call the customer; USERORIGINATED, the customer calls us.",
    ),
    Option(
        name="_wait_for_agent",
        kind=BOOLEAN,
        section=SECTION,
        default="true",
        mandatory=True,
        help="true: the customer is called only when an agent is about to be free. false: at once.",
    ),
    Option(
        name="_wait_for_user_confirm",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        help="true: ask the customer by push notification whether to call now. Needs _wait_for_agent = true.",
    ),
    Option(
        name="_user_confirm_timeout",
        kind=kinds.seconds(1, 3600),
        section=SECTION,
        default="30",
        mandatory=True,
        help="How long the customer may take to confirm; after that _on_user_confirm_timeout says what happens.",
    ),
    Option(
        name="_snooze_duration",
        kind=kinds.seconds(1, DAY),
        section=SECTION,
        default="300",
        help="How long a callback is put off when the customer, asked to confirm, says later.",
    ),
    Option(
        name="_redirect",
        kind=kinds.pattern("service_name", kinds.SERVICE_NAME.pattern, "the name of a service"),
        section=SECTION,
        advanced=True,
        help="The service that answers in place of this one.",
    ),
    Option(
        name="_offer_callback",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        advanced=True,
        help="true: callers who wait in this line are offered a callback by a VoiceXML application.",
    ),
    Option(
        name="_offer_callback_vxml_app_url",
        kind=kinds.URL,
        section=SECTION,
        advanced=True,
        help="Where that VoiceXML application is.",
    ),
)

_REQUESTS = (
    Option(
        name="_ttl",
        kind=kinds.seconds(1, 10 * YEAR),
        section=SECTION,
        default=str(DAY),
        mandatory=True,
        help="How long a callback stays in storage after its desired time. 604800 keeps it in view for a week.",
    ),
    Option(
        name="_customer_lookup_keys",
        kind=KEYS,
        section=SECTION,
        default="_customer_number",
        overridable=False,
        help="Request keys by which callbacks can be found. Must contain every key of _mandatory_customer_lookup_keys.",
    ),
    Option(
        name="_mandatory_customer_lookup_keys",
        kind=KEYS,
        section=SECTION,
        default="_customer_number",
        mandatory=True,
        overridable=False,
        help="Request keys without which a request is refused.",
    ),
    Option(
        name="_overwritable_options",
        kind=replace(kinds.names("names of options"), choices=_overridable, widget="several"),
        section=SECTION,
        overridable=False,
        help="Options that a request may override. _call_direction, _wait_for_agent, _wait_for_user_confirm, "
        "_media_type and _provide_code may always be overridden.",
    ),
    Option(
        name="_exceptions",
        kind=NUMBERS,
        section=SECTION,
        overridable=False,
        help="Customers' numbers that may not be called.",
    ),
    *credentials(SECTION),
    Option(
        name="_service_groups",
        kind=kinds.names("names of groups"),
        section=SECTION,
        advanced=True,
        overridable=False,
        help="Groups to which the service belongs. A person's permissions may name a group instead of its services.",
    ),
    Option(
        name="_attach_udata",
        kind=kinds.choice("separate_keys", "single_json", "gms_storage_id"),
        section=SECTION,
        default="single_json",
        help="How the customer's data reach the agent's call: key by key, as one JSON text in GMS_UserData, or only as "
        "the id under which they are stored.",
    ),
    Option(
        name="_business_hours_service",
        kind=office_hours.SERVICE,
        section=SECTION,
        overridable=False,
        help="The office hours by which desired times are checked and offered.",
    ),
    Option(
        name="_capacity_service",
        kind=kinds.service_reference("capacity"),
        section=SECTION,
        overridable=False,
        help="The capacity that limits how many scheduled callbacks a time slot takes.",
    ),
    Option(
        name="_paused_services_list",
        kind=kinds.text(maximum=64),
        section=SECTION,
        default="GMS_Paused_Services",
        overridable=False,
        help="The list in which services are paused, in its section services.",
    ),
    Option(
        name="_paused_services_id",
        kind=kinds.text(maximum=64),
        section=SECTION,
        advanced=True,
        overridable=False,
        note="Since release 8.5.109.05.",
        help="Another key of this service in that list, beside its name and all; services may share it.",
    ),
)

_AGENTS = (
    Option(
        name="_max_transfer_to_agent_attempts",
        kind=kinds.integer(1, 100),
        section=SECTION,
        default="5",
        help="How many agents are tried, one after the other, before the transfer of a call is given up.",
    ),
    Option(
        name="_transfer_to_agent_retry_timeout",
        kind=kinds.seconds(0, DAY),
        section=SECTION,
        advanced=True,
        note="Not in the vendor's template any more.",
        help="Pause between two attempts to transfer a call to an agent.",
    ),
    Option(
        name="_max_time_to_wait_for_agent_on_the_call",
        kind=kinds.seconds(1, DAY),
        section=SECTION,
        default="3600",
        help="How long a customer on the line waits for an agent; then _treatment_find_agent_fail is played.",
    ),
    Option(
        name="_agent_reserve_timeout",
        kind=kinds.seconds(1, 3600),
        section=SECTION,
        default="30",
        advanced=True,
        help="How long a matched agent stays reserved before their phone rings.",
    ),
    Option(
        name="_agent_transfer_confirm_timeout",
        kind=kinds.seconds(0, 3600),
        section=SECTION,
        default="0",
        mandatory=True,
        advanced=True,
        help="How long to wait for the switch to confirm a transfer; 0: a transfer is taken to have succeeded.",
    ),
    Option(
        name="_wrap_up_time",
        kind=kinds.seconds(0, 3600),
        section=SECTION,
        default="10",
        help="How long an agent is in wrap-up after the talk. An option of this system, unknown to the vendor's.",
    ),
    Option(
        name="_retain_session_until_ixn_deleted",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        help="true: the callback shows PROCESSING while customer and agent talk. false: it is COMPLETED as soon as "
        "they are joined.",
    ),
    Option(
        name="_max_time_to_wait_for_ixn_delete",
        kind=kinds.seconds(1, DAY),
        section=SECTION,
        default="3600",
        advanced=True,
        help="How long a callback stays in PROCESSING at most.",
    ),
    Option(
        name="_ixn_redirect_confirm",
        kind=BOOLEAN,
        section=SECTION,
        default="true",
        advanced=True,
        help="Wait until the switch confirms that a call was redirected.",
    ),
    Option(
        name="_ixn_redirect_hints",
        kind=kinds.JSON,
        section=SECTION,
        advanced=True,
        help="Extensions of the request that redirects a call, for the vendor's switch.",
    ),
    Option(
        name="_on_route_done_delay",
        kind=kinds.seconds(0, 3600),
        section=SECTION,
        default="0",
        advanced=True,
        help="Pause after a call was routed.",
    ),
    Option(
        name="_src_route_point",
        kind="route_point",
        section=SECTION,
        advanced=True,
        help="The route point from which calls are redirected or transferred.",
    ),
)

_STATUS = (
    Option(
        name="_enable_status_notification",
        kind=kinds.choice("false", "subscribe_notify", "notify"),
        section=SECTION,
        default="false",
        help="Report what happens to a callback. subscribe_notify and notify say the same here: nobody has "
        "to subscribe.",
    ),
    Option(
        name="_status_notification_type",
        kind=kinds.choice("httpcb", "orscb"),
        section=SECTION,
        default="httpcb",
        help="How it is reported: httpcb, by a request to a web address. orscb names a session of the vendor's "
        "orchestration server: nothing is reported.",
    ),
    Option(
        name="_status_notification_target",
        kind=kinds.text(),
        section=SECTION,
        help="Where to: a web address. Needed when the reports are on, unless the list names one.",
    ),
    Option(
        name="_status_notification_provider",
        kind=kinds.text(maximum=64),
        section=SECTION,
        advanced=True,
        help="The push provider of the reports.",
    ),
    Option(
        name="_status_notification_debug",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        advanced=True,
        help="Send the reports with the push provider's debug certificate.",
    ),
    Option(
        name="_status_notification_language",
        kind=kinds.text(maximum=35),
        section=SECTION,
        advanced=True,
        help="The language of the messages.",
    ),
    Option(
        name="_callback_events_list",
        kind=kinds.text(maximum=64),
        section=SECTION,
        help="The list that says which events are reported, and with which keys; for example GMS_Events. Its section "
        "properties says what the service itself does not.",
    ),
    Option(
        name="_enable_notification_reminder",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        note="Since release 8.5.211.01.",
        help="true: report _cbe_on_callback_reminder before the time of a callback for later.",
    ),
    Option(
        name="_notification_reminder_buffer",
        kind=kinds.seconds(1, DAY),
        section=SECTION,
        default="300",
        note="Since release 8.5.211.01.",
        help="How long before its time. Longer than _desired_connect_time_threshold, else the call may come first.",
    ),
    Option(
        name="_use_debug_push_certificate",
        kind=BOOLEAN,
        section=SECTION,
        default="false",
        advanced=True,
        help="Use the push provider's debug credentials: debug.fcm.credentials, and Apple's sandbox.",
    ),
)

_ORCHESTRATION = (
    Option(
        name="_ors",
        kind=URLS,
        section=SECTION,
        advanced=True,
        help="Addresses of the vendor's orchestration servers, which run the services there.",
    ),
    Option(
        name="_ors_lb_strategy",
        kind=kinds.choice("circular", "linear"),
        section=SECTION,
        default="circular",
        advanced=True,
        help="Which of them is asked: circular, each in its turn; linear, the first that answers.",
    ),
    Option(
        name="_max_ors_submit_attempts",
        kind=kinds.integer(1, 100),
        section=SECTION,
        default="3",
        advanced=True,
        help="How often they are asked before a callback ends with SUBMIT_FAILED.",
    ),
)

OPTIONS = (*_KIND_OF_SERVICE, *_REQUESTS, *_AGENTS, *_STATUS, *_ORCHESTRATION)
