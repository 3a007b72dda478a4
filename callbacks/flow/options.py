"""The options that the flow reads, typed and frozen when a callback's execution starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from callbacks.status.reports import Reports

DEFAULT_WAITING = "SampleTreatments/next_customer_rep.wav"
DEFAULT_FIND_AGENT_FAIL = "SampleTreatments/all_agents_busy.wav"
CONNECT_ANYWAY = "CONNECT-ANYWAY"
# What an agent hears who was called first, until the customer is on the line: a ringing tone.
CALLING_THE_CUSTOMER = "SampleTreatments/calling_customer.wav"
DEFAULT_ANSWERING_MACHINE = "SampleTreatments/call_fail_ans_machine.wav"


@dataclass(frozen=True)
class Treatment:
    """A sound to play; an empty `file` plays nothing."""

    file: str
    after_beep: bool = False


@dataclass(frozen=True)
class Notification:
    """How the customer's device is told. `texts` are those of the service's message file in their language.

    With a `problem`, a sentence, that file cannot be used, although the callback would need it.
    """

    provider: str = ""  # _provider_name; empty: what [push] says
    is_debug: bool = False  # _use_debug_push_certificate
    country: str = ""  # _default_country
    texts: tuple[tuple[str, str], ...] = ()
    problem: str = ""


AS_CONFIGURED = Notification()


@dataclass(frozen=True)
class FlowOptions:
    """Seconds unless said otherwise. Each field is one option of the catalogue, without its underscore."""

    media_type: str
    call_direction: str
    wait_for_agent: bool
    first_connect_party: str  # _userterminated_first_connect_party
    target: str
    virtual_queue: str  # _urs_virtual_queue
    route_point: str
    prefix_dial_out: str
    calling_party_number: str
    calling_party_display_name: str
    ixn_createcall_timeout: int
    cpd_enable: bool
    call_timeguard: float  # _call_timeguard_timeout, there in milliseconds
    cpd_unsure: str  # human | machine
    max_dial_attempts: int
    dial_retry_timeout: int
    max_transfer_to_agent_attempts: int
    max_time_to_wait_for_agent: int  # _max_time_to_wait_for_agent_on_the_call
    agent_reserve_timeout: int
    urs_queued_ttl: int
    retain_session: bool  # _retain_session_until_ixn_deleted
    max_time_to_wait_for_ixn_delete: int
    wrap_up_time: int
    request_execution_time_buffer: int
    desired_connect_time_threshold: int
    ttl: int
    treatment_customer_connect: Treatment
    treatment_waiting_for_agent: Treatment
    treatment_find_agent_fail: Treatment
    treatment_answering_machine: Treatment  # _treatment_call_failure_answering_machine
    # Callbacks that started under an older release have none of these.
    min_queue_wait: int = 0
    wait_for_user_confirm: bool = False
    user_confirm_timeout: int = 30
    max_confirmation_attempts: int = 3  # _max_number_of_user_availability_confirmation_attempts
    agent_availability_notification_delay: int = 30
    on_user_confirm_timeout: str = CONNECT_ANYWAY
    snooze_duration: int = 300
    max_notify_delivery_attempts: int = 3
    agent_first_via_rp: bool = False
    agent_preview: bool = False
    agent_preview_allow_reject: int = 0
    agent_preview_timeout: int = 30
    agent_preview_timeout_set_notready: bool = False
    agent_preview_set_notready_reason: str = ""
    agent_preview_via_rp: bool = False
    agent_reject_retry_timeout: int = 0
    enable_disposition_dialog: bool = False
    agent_disposition_timeout: int = 45
    max_successful_customer_contacts: int | None = None  # None: as often as agents ask for it
    vq_priority: int = 0  # _urs_vq_priority
    vq_priority_increment: int = 0  # _urs_vq_priority_increment
    vq_priority_increment_interval: int = 0  # _urs_vq_priority_increment_interval; 0: the priority does not grow
    call_interaction_age: int = 0  # _urs_call_interaction_age
    preferred_agent: str = ""
    preferred_agent_timeout: int = 60
    # The customer's data as the agent's call carries them (_attach_udata): (key, text) pairs.
    attached: tuple[tuple[str, str], ...] = ()
    reports: Reports | None = None  # who is told what happens (_enable_status_notification); None: nobody
    booking_seconds: int = 30  # how long the access number is held, of _booking_expiration_timeout or its pool
    resource_group: str = ""
    provide_code: bool = False
    access_code_length: int = 0  # 0: as long as codes are where nothing is said
    userorig_connect_limit: int = 3
    notification: Notification = AS_CONFIGURED
    most_late: int = 86400  # by how much a start or a dial may be late, of _queue_poll_period(_recovery)


FLOW_OPTIONS: TypeAdapter[FlowOptions] = TypeAdapter(FlowOptions)


def from_resolved(
    resolved: Mapping[str, Any],
    attached: tuple[tuple[str, str], ...] = (),
    notification: Notification = AS_CONFIGURED,
    reports: Reports | None = None,
) -> FlowOptions:
    """Pick the flow's options out of `services.resolution.resolve`'s typed values."""
    return FlowOptions(
        media_type=resolved["_media_type"],
        call_direction=resolved["_call_direction"],
        wait_for_agent=resolved["_wait_for_agent"],
        first_connect_party=resolved["_userterminated_first_connect_party"],
        target=resolved["_target"],
        virtual_queue=resolved["_urs_virtual_queue"],
        route_point=resolved["_route_point"],
        prefix_dial_out=resolved["_prefix_dial_out"],
        calling_party_number=resolved["_calling_party_number"],
        calling_party_display_name=resolved["_calling_party_display_name"],
        ixn_createcall_timeout=resolved["_ixn_createcall_timeout"],
        cpd_enable=resolved["_cpd_enable"],
        call_timeguard=resolved["_call_timeguard_timeout"] / 1000,
        cpd_unsure=resolved["_cpd_unsure"],
        max_dial_attempts=resolved["_max_dial_attempts"],
        dial_retry_timeout=resolved["_dial_retry_timeout"],
        max_transfer_to_agent_attempts=resolved["_max_transfer_to_agent_attempts"],
        max_time_to_wait_for_agent=resolved["_max_time_to_wait_for_agent_on_the_call"],
        agent_reserve_timeout=resolved["_agent_reserve_timeout"],
        urs_queued_ttl=resolved["_urs_queued_ttl"],
        retain_session=resolved["_retain_session_until_ixn_deleted"],
        max_time_to_wait_for_ixn_delete=resolved["_max_time_to_wait_for_ixn_delete"],
        wrap_up_time=resolved["_wrap_up_time"],
        request_execution_time_buffer=resolved["_request_execution_time_buffer"],
        desired_connect_time_threshold=resolved["_desired_connect_time_threshold"],
        ttl=resolved["_ttl"],
        treatment_customer_connect=_treatment(resolved["_treatment_customer_connect"], ""),
        treatment_waiting_for_agent=_treatment(resolved["_treatment_waiting_for_agent"], DEFAULT_WAITING),
        treatment_find_agent_fail=_treatment(resolved["_treatment_find_agent_fail"], DEFAULT_FIND_AGENT_FAIL),
        treatment_answering_machine=_treatment(
            resolved["_treatment_call_failure_answering_machine"], DEFAULT_ANSWERING_MACHINE
        ),
        min_queue_wait=resolved["_min_queue_wait"],
        wait_for_user_confirm=resolved["_wait_for_user_confirm"],
        user_confirm_timeout=resolved["_user_confirm_timeout"],
        max_confirmation_attempts=resolved["_max_number_of_user_availability_confirmation_attempts"],
        agent_availability_notification_delay=resolved["_agent_availability_notification_delay"],
        on_user_confirm_timeout=resolved["_on_user_confirm_timeout"],
        snooze_duration=resolved["_snooze_duration"],
        max_notify_delivery_attempts=resolved["_max_notify_delivery_attempts"],
        agent_first_via_rp=resolved["_agent_first_via_rp"],
        agent_preview=resolved["_agent_preview"],
        agent_preview_allow_reject=resolved["_agent_preview_allow_reject"],
        agent_preview_timeout=resolved["_agent_preview_timeout"],
        agent_preview_timeout_set_notready=resolved["_agent_preview_timeout_set_notready"],
        agent_preview_set_notready_reason=resolved["_agent_preview_set_notready_reason"] or "",
        agent_preview_via_rp=resolved["_agent_preview_via_rp"],
        agent_reject_retry_timeout=resolved["_agent_reject_retry_timeout"],
        enable_disposition_dialog=resolved["_enable_disposition_dialog"],
        agent_disposition_timeout=resolved["_agent_disposition_timeout"],
        max_successful_customer_contacts=resolved["_max_successful_customer_contacts"],
        vq_priority=resolved["_urs_vq_priority"] or 0,
        vq_priority_increment=resolved["_urs_vq_priority_increment"] or 0,
        vq_priority_increment_interval=resolved["_urs_vq_priority_increment_interval"] or 0,
        call_interaction_age=resolved["_urs_call_interaction_age"] or 0,
        preferred_agent=resolved["_preferred_agent"] or "",
        preferred_agent_timeout=resolved["_preferred_agent_timeout"],
        attached=attached,
        reports=reports,
        notification=notification,
        resource_group=resolved["_resource_group"] or "",
        provide_code=resolved["_provide_code"],
        access_code_length=resolved["_access_code_length"] or 0,
        userorig_connect_limit=resolved["_userorig_connect_limit"],
        # A minute is what a restart takes.
        most_late=60 * max(1, -min(resolved["_queue_poll_period"][0], resolved["_queue_poll_period_recovery"][0])),
    )


def _treatment(configured: Any, default: str) -> Treatment:
    if configured is None:
        return Treatment(default)
    return Treatment(configured.file, after_beep=configured.hints.get("am-beep-detection") == "on")
