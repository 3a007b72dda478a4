"""Django admin of jobs, for looking only: who had which callbacks cancelled or given out."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse

from callbacks.jobs.models import Job
from scheduling.admin import LookOnlyAdmin


@admin.register(Job)
class JobAdmin(LookOnlyAdmin):
    """Without its rows, of which there may be a hundred thousand: they are on its page."""

    list_display = ("asked_at", "kind", "actor", "view", "state", "total", "done", "failed")
    list_display_links = ("asked_at", "kind")
    list_filter = ("kind", "state")
    ordering = ("-asked_at", "-id")
    fields = (
        "kind",
        "state",
        "actor",
        "view",
        "whole_range",
        "asked_at",
        "began_at",
        "ended_at",
        "total",
        "done",
        "failed",
        "stopped_by",
        "error",
    )

    def view_on_site(self, job: Job) -> str:
        return reverse("job", args=[job.pk])
