"""The name and password (HTTP Basic) with which clients of a service of any type may authenticate."""

from __future__ import annotations

from services import kinds
from services.catalogue.option import Option


def credentials(section: str) -> tuple[Option, ...]:
    """The two options, in this section of the form. Each is resolved on its own: the service's, else [server]'s."""
    return (
        Option(
            name="username",
            kind=kinds.text(maximum=128, forbidden=":"),
            section=section,
            inherits=("server", "username"),
            overridable=False,
            help="The name with which clients of this service authenticate (HTTP Basic). It asks for nothing without a "
            "password.",
        ),
        Option(
            name="password",
            kind=kinds.text(maximum=128),
            section=section,
            inherits=("server", "password"),
            overridable=False,
            secret=True,
            help="The password with which clients of this service authenticate, in place of an API key. While there "
            "is one, API_ALLOW_ANONYMOUS does not open the service.",
        ),
    )
