from django.urls import path, re_path

from callbacks.api.base import UnknownPath
from callbacks.api.views import CallbackViewSet

urlpatterns = [
    path("1/service/callback", CallbackViewSet.as_view({"get": "find"}), name="callbacks"),
    path(
        "1/service/callback/<str:name>",
        CallbackViewSet.as_view({"get": "find_of_service", "post": "start"}),
        name="callbacks-of-service",
    ),
    path(
        "1/service/callback/<str:name>/<str:callback_id>",
        CallbackViewSet.as_view({"delete": "cancel"}),
        name="callback",
    ),
    # Otherwise Django would answer with a page.
    re_path(r"", UnknownPath.as_view()),
]
