"""Django admin of what `services` holds."""

from services.admin.keys import ApiKeyAdmin
from services.admin.service import ConfiguredServiceAdmin

__all__ = ["ApiKeyAdmin", "ConfiguredServiceAdmin"]
