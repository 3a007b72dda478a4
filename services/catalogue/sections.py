"""What is known of the global option sections and of the named lists. Other sections, lists and keys are kept as well.

Here an option's `section` is the section of the file or list that it stands in, and `*` as a section or name stands for
any: a path in `[port_restrictions]`, the name of a service, an event, a pool or an access number in a list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services import kinds
from services.catalogue import tolls
from services.catalogue.option import DAY, Option
from services.catalogue.push import OF_PROVIDERS, PROVIDER_PREFIX
from services.catalogue.push import OPTIONS as _OF_PUSH
from services.kinds import BOOLEAN, JSON, KEYS, NUMBER, PORTS, URL

ANY = "*"

_CALLBACK = "callback"
_SERVER = "server"

_DEFAULTS_OF_SERVICES = (
    Option(
        name="_disallow_impossible_phone_numbers",
        kind=BOOLEAN,
        section=_CALLBACK,
        default="false",
        help="For services that do not say: refuse numbers that cannot exist.",
    ),
    Option(
        name="_disallow_premium_phone_numbers",
        kind=BOOLEAN,
        section=_CALLBACK,
        default="true",
        help="For services that do not say: refuse numbers that cost extra.",
    ),
    Option(
        name="_enable_in_queue_checking",
        kind=kinds.choice("true", "false", "strict"),
        section=_CALLBACK,
        default="true",
        help="For services that do not say: refuse a customer who has two callbacks in the queue; strict: one.",
    ),
    Option(
        name="_enable_throttle_header_parameters",
        kind=BOOLEAN,
        section=_CALLBACK,
        default="true",
        help="For services that do not say: count values of request headers too.",
    ),
    Option(
        name="_throttle_request_parameters",
        kind=KEYS,
        section=_CALLBACK,
        default="_customer_number",
        help="For services that do not say: request keys whose values are counted.",
    ),
    Option(
        name="_throttle_request_parameters_limit",
        kind=kinds.limit(6),
        section=_CALLBACK,
        default="6",
        help="For services that do not say: callbacks for now that the same value may ask for in a day.",
    ),
    Option(
        name="_throttle_customer_number_limit",
        kind=kinds.limit(6),
        section=_CALLBACK,
        note="Replaced by _throttle_request_parameters_limit in release 8.5.110.",
        help="The former name of _throttle_request_parameters_limit; counts where that is not set.",
    ),
    Option(
        name="_throttle_callbacks_per_service_1",
        kind=kinds.limit(500),
        section=_CALLBACK,
        default="500",
        help="For services that do not say: callbacks for now in _throttle_ttl_1 seconds.",
    ),
    Option(
        name="_throttle_ttl_1",
        kind=kinds.limit(300, unit="seconds"),
        section=_CALLBACK,
        default="300",
        help="For services that do not say: the time in which they are counted; 0: they are not.",
    ),
    Option(
        name="_throttle_callbacks_per_service_2",
        kind=kinds.limit(1000),
        section=_CALLBACK,
        default="1000",
        help="For services that do not say: a second such limit.",
    ),
    Option(
        name="_throttle_ttl_2",
        kind=kinds.limit(3600, unit="seconds"),
        section=_CALLBACK,
        default="3600",
        help="For services that do not say: the time in which the second limit counts; 0: it does not.",
    ),
    Option(
        name="max_queued_callbacks_per_service",
        kind=kinds.limit(1000),
        section=_CALLBACK,
        default="1000",
        help="For services that do not say: callbacks that may be queued or in a call at once.",
    ),
    Option(
        name="username",
        kind=kinds.text(maximum=128, forbidden=":"),
        section=_SERVER,
        help="For services that do not say, and for requests that concern no service: the name with which clients "
        "authenticate (HTTP Basic).",
    ),
    Option(
        name="password",
        kind=kinds.text(maximum=128),
        section=_SERVER,
        secret=True,
        help="For services that do not say, and for requests that concern no service: the password with which "
        "clients authenticate.",
    ),
)

_OF_ALL_CALLBACKS = (
    Option(
        name="queue-polling-rate",
        kind=kinds.seconds(1, DAY),
        section=_CALLBACK,
        default="60",
        help="How often the vendor's system looks at callbacks whose time comes.",
    ),
    Option(
        name="queue-polling-rate-recover",
        kind=kinds.seconds(1, DAY),
        section=_CALLBACK,
        default="3600",
        help="How often it looks at callbacks that were left behind.",
    ),
    Option(
        name="log-background-activity",
        kind=BOOLEAN,
        section=_CALLBACK,
        default="false",
        help="Log what is done beside requests.",
    ),
    Option(
        name="filter-keys",
        kind=KEYS,
        section=_CALLBACK,
        default="_callback_state,_callback_reason,_request_queue_time_stat,_request_ewt_service,_vq",
        help="Keys by which the query of queues can be filtered.",
    ),
    Option(
        name="returned-keys",
        kind=KEYS,
        section=_CALLBACK,
        default="_desired_time,_callback_state,_callback_reason",
        help="Request keys that records of callbacks contain, beside those of _customer_lookup_keys.",
    ),
    Option(
        name="callback_column_alias",
        kind=JSON,
        section=_CALLBACK,
        help="Names of columns in the list of callbacks, as JSON from key to name.",
    ),
    Option(
        name="_enable_gms_dfm",
        kind=BOOLEAN,
        section=_CALLBACK,
        default="true",
        help="How the vendor's services fetch from their orchestration server.",
    ),
    Option(
        name="_fetch_retry_attempt",
        kind=kinds.integer(0, 100),
        section=_CALLBACK,
        default="3",
        help="How often such a fetch is repeated.",
    ),
    Option(
        name="_fetch_retry_delay",
        kind=kinds.seconds(0, 3600),
        section=_CALLBACK,
        default="10",
        help="Pause between two of these.",
    ),
    Option(
        name="_fetch_timeout",
        kind=kinds.seconds(1, 3600),
        section=_CALLBACK,
        help="How long such a fetch may take.",
    ),
    Option(
        name="_services_credentials",
        kind=kinds.text(),
        section=_CALLBACK,
        secret=True,
        help="What these fetches authenticate with.",
    ),
)

_OF_THE_SERVER = (
    Option(
        name="access_code_prefix",
        kind=kinds.pattern("code_prefix", r"[0-9]{1,20}(-[0-9]{1,20})?", "a number such as 9, or a range such as 7-9"),
        section=_SERVER,
        help="How access codes begin, so that those of two servers differ.",
    ),
    Option(
        name="external_url_base",
        kind=URL,
        section=_SERVER,
        help="The address under which clients reach this server.",
    ),
    Option(
        name="node_id",
        kind=kinds.text(maximum=32),
        section=_SERVER,
        help="The name of this server in the ids that it gives.",
    ),
    Option(
        name="web_port",
        kind=kinds.integer(1, 65_535),
        section=_SERVER,
        help="The port at which the server listens.",
    ),
    Option(
        name="relative_url",
        kind=kinds.text(),
        section=_SERVER,
        help="The path under which the server answers.",
    ),
    Option(
        name="max_ors_request_attempts",
        kind=kinds.integer(1, 100),
        section="ors",
        help="How often the vendor's orchestration servers are asked in one request.",
    ),
    Option(
        name="disable-bulk-cancel-and-export-callback",
        kind=BOOLEAN,
        section="lab",
        default="false",
        help="true: callbacks cannot be cancelled many at a time, nor cancelled ones exported.",
    ),
    Option(
        name=ANY,
        kind=PORTS,
        section="port_restrictions",
        help="A path such as /genesys/1/admin/* and the ports at which it is served.",
    ),
)

SECTION_OPTIONS = (*_DEFAULTS_OF_SERVICES, *tolls.IN_SECTION, *_OF_ALL_CALLBACKS, *_OF_THE_SERVER, *_OF_PUSH)

LIST_OPTIONS: Mapping[str, tuple[Option, ...]] = {
    "GMS_Paused_Services": (
        Option(
            name=ANY,
            kind=BOOLEAN,
            section="services",
            help="A service, by its name or its _paused_services_id, or all: true pauses its callbacks.",
        ),
    ),
    "GMS_Events": (
        Option(
            name="_enable_status_notification",
            kind=kinds.choice("false", "subscribe_notify", "notify"),
            section="properties",
            help="As the option of services of this name.",
        ),
        Option(
            name="_status_notification_type",
            kind=kinds.choice("httpcb", "orscb"),
            section="properties",
            help="As the option of services of this name.",
        ),
        Option(
            name="_status_notification_target",
            kind=kinds.text(),
            section="properties",
            help="As the option of services of this name.",
        ),
        Option(
            name="_status_notification_provider",
            kind=kinds.text(maximum=64),
            section="properties",
            help="As the option of services of this name.",
        ),
        Option(
            name="_status_notification_attempts",
            kind=kinds.integer(1, 100),
            section="properties",
            help="How often the delivery of a report is tried at most. Empty: as often as 24 hours allow.",
        ),
        Option(
            name="notify_params",
            kind=KEYS,
            section=ANY,
            help="In the section of an event, such as _cbe_on_service_create: the keys that its report contains. "
            "Empty: those of the vendor's sample.",
        ),
    ),
    "GMS_Resources": (
        Option(
            name="_allocation",
            kind=kinds.choice("RANDOM", "LOCAL", "CLUSTER"),
            section=ANY,
            help="In the section of a pool. RANDOM: any number, booked for nobody; LOCAL, CLUSTER: one that is booked.",
        ),
        Option(
            name="_booking_expiration_timeout",
            kind=kinds.seconds(5, 1800),
            section=ANY,
            default="30",
            help="In the section of a pool: how long a number stays booked.",
        ),
        Option(
            name=ANY,
            kind=NUMBER,
            section=ANY,
            help="In the section of a pool: an access number.",
        ),
    ),
}


def section_options(section: str) -> tuple[Option, ...]:
    """What is known of the keys of a global section."""
    if section.startswith(PROVIDER_PREFIX):
        return OF_PROVIDERS
    return tuple(option for option in SECTION_OPTIONS if option.section in {section, ANY})


def section_option(section: str, key: str) -> Option | None:
    """What is known of a key of a global section; None when nothing is."""
    return _named(section_options(section), key)


def list_option(name: str, section: str, key: str) -> Option | None:
    """What is known of a key in a section of a named list; None when nothing is."""
    options = LIST_OPTIONS.get(name, ())
    return _named([option for option in options if option.section in {section, ANY}], key)


def _named(options: Sequence[Option], key: str) -> Option | None:
    """The option of this key, else the one that stands for any."""
    by_name = {option.name: option for option in reversed(options)}
    return by_name.get(key) or by_name.get(ANY)
