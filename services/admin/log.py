"""What every admin of configuration shares: each save and deletion goes into the change log, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin


class LoggedAdmin(AnyModelAdmin):
    part: str

    def record(self, request: HttpRequest, *, before: Any, row: Any, reason: str) -> None:
        pass
