"""Django admin of global sections and named lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from services import documents, previews, resolution
from services.admin.changes import compared
from services.admin.log import LoggedAdmin
from services.models import ConfiguredService, NamedList, Section
from services.rows_form import AddNamedForm, NamedListForm, SectionForm
from services.types import service_types

# So many of the services that say otherwise are named.
MOST_NAMED = 10


@dataclass
class Reach:
    """Whom a key of a section reaches: how many services take its value, and who says otherwise."""

    key: str
    reached: int = 0
    overriding: list[str] = field(default_factory=list)

    @property
    def named(self) -> str:
        more = len(self.overriding) - MOST_NAMED
        return ", ".join(self.overriding[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def reach(section: Section) -> list[Reach]:
    """For each key that options of services inherit from this section; one statement."""
    inheriting = {
        known.name: [(o.name, o.inherits[1]) for o in known.options if o.inherits and o.inherits[0] == section.name]
        for known in service_types()
    }
    found = {key: Reach(key) for options in inheriting.values() for _, key in options}
    if not found:
        return []
    presets = {(known.name, c.name): c.presets for known in service_types() for c in known.configurations}
    for service in ConfiguredService.objects.all():
        own = {**presets.get((service.type, service.configuration), {}), **resolution.explicit_texts(service)}
        for option, key in inheriting.get(service.type, ()):
            if own.get(option, "").strip():
                found[key].overriding.append(service.name)
            else:
                found[key].reached += 1
    return list(found.values())


class NamedAdmin(LoggedAdmin):
    """Sections and lists: adding asks for the name, changing for the rows."""

    list_display = ("name", "keys")
    search_fields = ("name",)
    change_form_template = "admin/services/rows/change_form.html"
    add_form_template = "admin/change_form.html"
    change_form: type[forms.ModelForm[Any]]

    class Media:
        css = {"all": ["services/admin.css"]}
        js = ["services/rows.js"]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[Any]]:
        if obj:
            return self.change_form
        return super().get_form(request, obj, change, **{**kwargs, "form": AddNamedForm, "fields": ["name"]})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(None, {"fields": ["name", "why"]})]
        fields = ["name"] if self.has_change_permission(request, obj) else ["name", "document"]
        return [(None, {"fields": fields})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("name", "document") if obj else ()

    @admin.display(description="Keys and texts")
    def document(self, row: Any) -> SafeString:
        lines = [f"{line.path} = {line.after}" for line in compared(None, documents.part_of(row).document(row))]
        return format_html("<pre>{}</pre>", "\n".join(lines))

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """On to the rows."""
        self.message_user(request, f"{obj} was added. Its keys can be set below.", messages.SUCCESS)
        return HttpResponseRedirect(reverse(f"admin:services_{obj._meta.model_name}_change", args=[obj.pk]))

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if context.get("original") and self.has_change_permission(request, context["original"]):
            form = context["adminform"].form
            context |= {"rows": form.rows, "known_rows": getattr(form, "known_rows", []), "hints": form.hints}
        return super().render_change_form(request, context, *args, **kwargs)


@admin.register(Section)
class SectionAdmin(NamedAdmin):
    change_form = SectionForm

    @admin.display(description="Keys")
    def keys(self, section: Section) -> int:
        return len(section.options)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if section := context.get("original"):
            context |= {"reach": reach(section), "remarks": previews.of_section(section)}
        return super().render_change_form(request, context, *args, **kwargs)


@admin.register(NamedList)
class NamedListAdmin(NamedAdmin):
    change_form = NamedListForm

    @admin.display(description="Keys")
    def keys(self, named: NamedList) -> int:
        return sum(len(texts) for texts in named.sections.values())
