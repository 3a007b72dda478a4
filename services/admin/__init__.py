"""Django admin of what `services` holds."""

from services.admin.changes import ChangeAdmin
from services.admin.keys import ApiKeyAdmin
from services.admin.sections import NamedListAdmin, SectionAdmin
from services.admin.service import ConfiguredServiceAdmin

__all__ = ["ApiKeyAdmin", "ChangeAdmin", "ConfiguredServiceAdmin", "NamedListAdmin", "SectionAdmin"]
