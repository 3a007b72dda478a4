"""Only the admin, so that these tests need nothing of the higher floors."""

from django.contrib import admin
from django.urls import path

urlpatterns = [path("admin/", admin.site.urls)]
