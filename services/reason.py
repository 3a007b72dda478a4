"""The field that asks why something is changed, in every form of what an admin configures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

if TYPE_CHECKING:
    AnyModelForm = forms.ModelForm[Any]
else:
    AnyModelForm = forms.ModelForm

# As much as services.models.Change keeps.
LONGEST_REASON = 500


def reason_field() -> forms.CharField:
    return forms.CharField(
        label="Why",
        initial="",
        required=False,
        max_length=LONGEST_REASON,
        help_text="Optional. Kept in the change log beside what was changed.",
        widget=forms.TextInput(attrs={"class": "vLargeTextField", "autocomplete": "off"}),
    )


class ReasonForm(AnyModelForm):
    """A form that asks for the reason too."""

    why = reason_field()
