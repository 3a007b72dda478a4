"""The filters beside the list of services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from services.models import ConfiguredService
from services.readiness import Readiness
from services.types import service_types

if TYPE_CHECKING:
    Services = QuerySet[ConfiguredService]


class TypeFilter(admin.SimpleListFilter):
    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(known.name, known.label) for known in service_types()]

    def queryset(self, request: HttpRequest, queryset: Services) -> Services:
        return queryset.filter(type=self.value()) if self.value() else queryset


class ConfigurationFilter(admin.SimpleListFilter):
    title = "configuration"
    parameter_name = "configuration"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = dict.fromkeys(each.name for known in service_types() for each in known.configurations)
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: Services) -> Services:
        return queryset.filter(configuration=self.value()) if self.value() else queryset


class StateFilter(admin.SimpleListFilter):
    """Whether a service can work follows from its options, which no database knows how to read: all are looked at."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("ready", "ready"), ("broken", "cannot work"), ("warnings", "has warnings")]

    def queryset(self, request: HttpRequest, queryset: Services) -> Services:
        readiness = Readiness()
        match self.value():
            case "ready":
                return queryset.filter(pk__in=[s.pk for s in queryset if not readiness.problems(s)])
            case "broken":
                return queryset.filter(pk__in=[s.pk for s in queryset if readiness.problems(s)])
            case "warnings":
                return queryset.filter(pk__in=[s.pk for s in queryset if s.warnings])
        return queryset
