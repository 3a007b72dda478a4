"""What verbs say when they refuse, in the words of pages."""

from __future__ import annotations

from django.utils.translation import gettext as _

from callbacks import actions
from callbacks.actions import Busy, MissingKeys, NotAvailable, NotFound, NumberBlocked, ServiceGone
from callbacks.limits import LimitReached
from callbacks.limits.number_rules import NumberDisallowed
from callbacks.steering import NotNow, RecreatedAlready, UnknownAgent
from scheduling.offices import Unreadable
from services.resolution import OptionError

# Whatever a request for a callback, or a change of one, may be refused with: nothing was changed then.
REFUSALS = (
    Busy,
    LimitReached,
    LookupError,
    MissingKeys,
    NotAvailable,
    NotFound,
    NotNow,
    NumberBlocked,
    NumberDisallowed,
    OptionError,
    RecreatedAlready,
    ServiceGone,
    UnknownAgent,
    Unreadable,
    actions.Refused,
)


def words(error: Exception) -> str:
    """Why nothing was changed, as a sentence."""
    match error:
        case NumberDisallowed(option="_disallow_impossible_phone_numbers"):
            return _("There can be no such number (_disallow_impossible_phone_numbers).")
        case NumberDisallowed(option="_disallow_premium_phone_numbers"):
            return _("It is a premium number (_disallow_premium_phone_numbers).")
        case NumberDisallowed(option="_exceptions"):
            return _("The number is among those that this service does not call (_exceptions).")
        case NumberDisallowed(why=why) if why:
            return _("This service does not call the number: %(why)s.") % {"why": why}
        case NumberBlocked():
            return _("The number is on the block list.")
        case MissingKeys(keys=keys):
            return _("This service needs a value for: %(keys)s.") % {"keys": ", ".join(keys)}
        case NotAvailable(message=message):
            return message
        case NotNow():
            return _("The customer cannot be called now: %(why)s.") % {"why": error}
        case RecreatedAlready():
            return _("It was created again already, as callback %(id)s, which is not over.") % {"id": error}
        case UnknownAgent():
            return _("There is no agent %(name)s any more.") % {"name": error}
        case ServiceGone():
            return _("The service %(name)s was deleted meanwhile.") % {"name": error}
        case NotFound():
            return _("The callback was removed meanwhile.")
        case Busy():
            return _("It is being changed by somebody else at this moment. Try again.")
    return str(error)
