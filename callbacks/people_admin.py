"""People in Django admin: their roles, and the services to which they are limited, on their user's page."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from callbacks import roles
from services import people
from services.models import ConfiguredService
from services.people_models import PersonScope

if TYPE_CHECKING:
    ScopeInlineBase = admin.TabularInline[PersonScope, User]
    ScopeFormBase = forms.ModelForm[PersonScope]
    ScopeFormsBase = forms.BaseInlineFormSet[PersonScope, User, "ScopeForm"]
    PersonAdminBase = UserAdmin[User]
else:
    ScopeInlineBase, ScopeFormBase, ScopeFormsBase = admin.TabularInline, forms.ModelForm, forms.BaseInlineFormSet
    PersonAdminBase = UserAdmin

Kind = PersonScope.Kind


def scopes_to_choose() -> list[tuple[str, list[tuple[str, str]]]]:
    """The callback services, and the groups that they say they are in, each with its services."""
    groups: dict[str, list[str]] = defaultdict(list)
    services = []
    for service in ConfiguredService.objects.of_type(people.CALLBACK).order_by("name"):
        services.append((f"{Kind.SERVICE}:{service.name}", service.name))
        for group in people.groups_of(service):
            groups[group].append(service.name)
    named = [(f"{Kind.GROUP}:{name}", f"{name}: {', '.join(groups[name])}") for name in sorted(groups)]
    return [(_("Services"), services), (_("Groups of services (_service_groups)"), named)]


class ScopeForm(ScopeFormBase):
    """One service or group of services; what is not there any more stays until it is taken out."""

    what = forms.ChoiceField(label=gettext_lazy("Service or group"))

    class Meta:
        model = PersonScope
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        what = self.fields["what"]
        assert isinstance(what, forms.ChoiceField)  # noqa: S101 (for the type checker)
        choices: list[Any] = [("", "---------"), *scopes_to_choose()]
        if self.instance.pk:
            what.initial = now = f"{self.instance.kind}:{self.instance.name}"
            known = {value for _label, group in choices[1:] for value, _text in group}
            if now not in known:
                gone = _("%(name)s (not there any more: nothing is seen by it)") % {"name": self.instance}
                choices.append((now, gone))
        what.choices = choices
        # In a table nothing else names it to who does not see its column.
        what.widget.attrs["aria-label"] = what.label

    def has_changed(self) -> bool:
        return bool(self.instance.pk and "what" in self.changed_data) or bool(
            not self.instance.pk and super().has_changed()
        )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        self.instance.kind, _colon, self.instance.name = given.get("what", "").partition(":")
        return given


class ScopeForms(ScopeFormsBase):
    def clean(self) -> None:
        super().clean()
        seen = set()
        for form in self.forms:
            what = form.cleaned_data.get("what") if form.is_valid() and not form.cleaned_data.get("DELETE") else None
            if what and what in seen:
                raise forms.ValidationError(_("%(name)s is chosen twice.") % {"name": what.partition(":")[2]})
            seen.add(what)


class ScopeInline(ScopeInlineBase):
    model = PersonScope
    form = ScopeForm
    formset = ScopeForms  # type: ignore[assignment]  # its forms are ours, which the inline cannot know
    extra = 1
    verbose_name_plural = gettext_lazy("Limited to services (none: sees the callbacks of all)")


admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(PersonAdminBase):
    """Django's users, with their roles and limits."""

    inlines = (ScopeInline,)
    list_display = ("username", "name", "email", "roles", "limits", "is_active", "is_staff", "last_login")
    list_filter = ("groups", "is_active", "is_staff", "is_superuser")
    search_fields = ("username", "first_name", "last_name", "email", "scopes__name")
    search_help_text = gettext_lazy("User name, name, e-mail address, or a service or group of services")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups", "scopes")

    def get_inlines(self, request: HttpRequest, obj: User | None) -> tuple[type[ScopeInline], ...]:
        """Not beside the first password: Django asks for that on a page of its own."""
        return self.inlines if obj else ()

    @admin.display(description=gettext_lazy("name"))
    def name(self, user: User) -> str:
        return user.get_full_name()

    @admin.display(description=gettext_lazy("roles"))
    def roles(self, user: User) -> str:
        names = [group.name for group in user.groups.all()]
        return ", ".join(["superuser"] * user.is_superuser + sorted(names)) or _("none: no page is for them")

    @admin.display(description=gettext_lazy("sees callbacks of"))
    def limits(self, user: User) -> str:
        return ", ".join(str(scope) for scope in user.scopes.all()) or _("all services")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        user: User = form.instance
        if not user.is_staff and user.groups.filter(name=roles.ADMINISTRATOR).exists():
            User.objects.filter(pk=user.pk).update(is_staff=True)
            said = _("%(name)s is an Administrator and so may enter the administration (staff status).")
            messages.info(request, said % {"name": user})
