"""Options that are accepted, checked and kept, and that nothing reads yet, or ever; docs/options.md prints the list."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from services.catalogue.option import Option


@dataclass(frozen=True, kw_only=True)
class NoEffect:
    """Why some options have no effect.

    What is `coming` says with what; else the reason is for good. `place` is the `[section]` or the list of global
    keys. `listed` are the names, with spaces between.
    """

    why: str
    listed: str
    coming: bool = False
    place: str = ""

    @property
    def names(self) -> list[str]:
        return self.listed.split()

    @property
    def label(self) -> str:
        return "no effect yet" if self.coming else "no effect"

    @property
    def reason(self) -> str:
        return f"comes with {self.why}" if self.coming else self.why

    @property
    def sentence(self) -> str:
        return f"{self.label.capitalize()}: {self.reason}."


CALLBACK: tuple[NoEffect, ...] = (
    NoEffect(
        why="reports go to web addresses, which have neither push providers nor certificates for tests",
        listed="_status_notification_provider _status_notification_debug",
    ),
    NoEffect(
        why="for the answers of request-interaction and request-access services",
        listed="_return_pool_health",
    ),
    NoEffect(
        why="for the request to say; what a service says is not read",
        listed="_desired_time _customer_timezone _device_notification_id _device_os _originating_interaction_id",
    ),
    NoEffect(
        why="fixed by the type of the service; kept because exported configurations carry it",
        listed="_type _service _service_type",
    ),
    NoEffect(
        why="obsolete with the vendor; a warning names the successor",
        listed="_vq _transfer_to_agent_retry_timeout _urs_server_url _urs_sec_server_url",
    ),
    NoEffect(
        why="for the vendor's routing server; queues, matching and the estimate are built in",
        listed="""
            _urs_prioritization_strategy _urs_strategy_update_sub_routine _urs_request_timeout
            _urs_extension_data _urs_udata_xfer_keys _urs_ewt_estimation_method _request_queue_time_stat
            _request_ewt_service _min_urs_ewt_pos_polling_interval _max_urs_ewt_pos_polling_interval
            _eta_pos_threshold _max_time_to_reach_eta_pos_threshold
        """,
    ),
    NoEffect(
        why="for the vendor's orchestration server; callbacks run here, and all that are due are found by their time",
        listed="""
            _ors _ors_lb_strategy _max_ors_submit_attempts _queue_ping_ors_period
        """,
    ),
    NoEffect(
        why="for SCXML and VoiceXML applications, which are not run here",
        listed="""
            _plugin_on_dial_url _plugin_on_dial_associate_ixn _plugin_on_dial_invoke_on_call_failed
            _plugin_on_dial_timeout _offer_callback _offer_callback_vxml_app_url
        """,
    ),
    NoEffect(
        why="for the vendor's switch; here the switch makes both calls itself and joins them",
        listed="""
            _agent_first_via_tg _ixn_createcall_hints _ixn_redirect_confirm _ixn_redirect_hints
            _ixn_update_data_time_to_wait _on_route_done_delay _src_route_point _trunk_group
            _agent_transfer_confirm_timeout
        """,
    ),
    NoEffect(
        why="for the vendor's desktop",
        listed="""
            _agent_preview_set_notready_reason_attribute _agent_preview_set_notready_reason_key
            _preview_userevent_mediatype _disposition_userevent_mediatype
        """,
    ),
    NoEffect(
        why="for the vendor's reporting",
        listed="""
            _rep_userevent_enable _rep_userevent_dn _rep_userevent_switch _rep_userevent_mediatype
            _use_reporting_aggregator _reporting_aggregator_url _cb_dim_channel
        """,
    ),
    NoEffect(
        why="there is no chat server here",
        listed="""
            _chat_endpoint _client_timeout _client_timeout_notification _client_timeout_notification_message
            _agent_timeout_notification_message _filtering_chat_events _chat_400_response_on_disconnected
        """,
    ),
)

OTHER_TYPES: tuple[NoEffect, ...] = (
    NoEffect(
        why="fixed by the type of the service; kept because exported configurations carry it",
        listed="_type _service",
    ),
    NoEffect(
        why="answers are not kept here, but worked out anew each time",
        listed="_ttl",
    ),
)

ACCESS_TYPES: tuple[NoEffect, ...] = (
    NoEffect(
        why="fixed by the type of the service; kept because exported configurations carry it",
        listed="_type _service",
    ),
)

SECTIONS_AND_LISTS: tuple[NoEffect, ...] = (
    NoEffect(
        why="for the vendor's orchestration server; what is due is found every second",
        place="[callback]",
        listed="""
            queue-polling-rate queue-polling-rate-recover log-background-activity _enable_gms_dfm
            _fetch_retry_attempt _fetch_retry_delay _fetch_timeout _services_credentials
        """,
    ),
    NoEffect(
        why="set by the environment (docs/operators.md)",
        place="[server]",
        listed="node_id web_port relative_url",
    ),
    NoEffect(
        why="for the vendor's orchestration server",
        place="[ors]",
        listed="max_ors_request_attempts",
    ),
    NoEffect(
        why="ports are opened by the web server in front",
        place="[port_restrictions]",
        listed="*",
    ),
    NoEffect(
        why="Google has switched off the interface that took it; fcm.credentials names what its successor takes",
        place="[push]",
        listed="fcm.apiKey debug.fcm.apiKey",
    ),
    NoEffect(
        why="for the vendor's subscriptions; a message belongs to a callback here",
        place="[push]",
        listed="defaultSubscriptionExpiration",
    ),
    NoEffect(
        why="reports go to web addresses, which have no push providers",
        place="GMS_Events",
        listed="_status_notification_provider",
    ),
)


_OF_TYPE = {"callback": CALLBACK, "office-hours": OTHER_TYPES, "capacity": OTHER_TYPES}


def of_option(type_name: str, name: str) -> NoEffect | None:
    """Why an option of a service of this type has no effect; None when it has one."""
    return _by_name(_OF_TYPE.get(type_name, ACCESS_TYPES)).get(("", name))


def of_section_key(option: Option) -> NoEffect | None:
    """Why a key of a global section has no effect."""
    return _by_name(SECTIONS_AND_LISTS).get((f"[{option.section}]", option.name))


def of_list_key(list_name: str, option: Option) -> NoEffect | None:
    """Why a key of a named list has no effect."""
    return _by_name(SECTIONS_AND_LISTS).get((list_name, option.name))


@functools.cache
def _by_name(rows: tuple[NoEffect, ...]) -> Mapping[tuple[str, str], NoEffect]:
    return {(row.place, name): row for row in rows for name in row.names}
