"""Push messages to the customer's device: told when an agent is free, asked whether to call now.

`devices` says who can be asked (pure), `notices` keeps what is to be sent and sends it, the other modules deliver.
"""

from callbacks.push.devices import askable, why_not_askable

__all__ = ["askable", "why_not_askable"]
