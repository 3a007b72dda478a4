"""Options for services of which more is asked than any service takes unless it says so: many callbacks, one customer.

Everything is counted all the same. Tests of the limits themselves set their own.
"""

WIDE = {
    "_enable_in_queue_checking": "false",
    "_throttle_request_parameters_limit": "1000000",
    "_throttle_callbacks_per_service_1": "1000000",
    "_throttle_callbacks_per_service_2": "1000000",
    "_max_queued_callbacks_per_service": "1000000",
    "_max_attempts_per_number_per_day": "0",
    "_max_attempts_per_number_per_week": "0",
}
