from django.urls import path, re_path

from callbacks.api.admin_views import AdminViewSet
from callbacks.api.availability_views import AvailabilityViewSet
from callbacks.api.base import UnknownPath
from callbacks.api.builtin_views import BuiltinViewSet
from callbacks.api.comet_views import CometViewSet
from callbacks.api.device_views import DeviceViewSet
from callbacks.api.phone_views import PhoneViewSet
from callbacks.api.storage_views import RequestStorageViewSet, StorageViewSet
from callbacks.api.views import CallbackViewSet

urlpatterns = [
    path("1/admin/callback/queues", AdminViewSet.as_view({"get": "queues"}), name="admin-queues"),
    path("1/admin/callback/watermarks", AdminViewSet.as_view({"get": "watermarks"}), name="admin-watermarks"),
    path("1/admin/callback/cancel", AdminViewSet.as_view({"post": "cancel_many"}), name="admin-cancel"),
    path(
        "1/admin/callback/reportcancelled",
        AdminViewSet.as_view({"post": "report_cancelled"}),
        name="admin-report-cancelled",
    ),
    path("1/service/callback", CallbackViewSet.as_view({"get": "find"}), name="callbacks"),
    path(
        "1/service/callback/<str:name>",
        CallbackViewSet.as_view({"get": "find_of_service", "post": "start"}),
        name="callbacks-of-service",
    ),
    path(
        "1/service/callback/<str:name>/availability",
        AvailabilityViewSet.as_view({"get": "free_places"}),
        name="availability",
    ),
    path(
        "2/service/callback/<str:name>/availability",
        AvailabilityViewSet.as_view({"get": "slots"}),
        name="availability-2",
    ),
    path(
        "1/service/callback/<str:name>/<str:callback_id>",
        CallbackViewSet.as_view({"put": "update", "delete": "cancel"}),
        name="callback",
    ),
    path(
        "1/service/callback/<str:name>/<str:callback_id>/served",
        CallbackViewSet.as_view({"post": "served"}),
        name="served",
    ),
    path("1/service/<str:name>", BuiltinViewSet.as_view({"get": "ask", "post": "start"}), name="builtin-service"),
    path(
        "1/service/<str:callback_id>/connect",
        DeviceViewSet.as_view({"get": "connect", "post": "connect"}),
        name="connect",
    ),
    path("1/service/<str:callback_id>/snooze", DeviceViewSet.as_view({"post": "snooze"}), name="snooze"),
    path("1/service/<str:callback_id>/dialog", DeviceViewSet.as_view({"get": "dialog"}), name="dialog"),
    path(
        "1/service/<str:callback_id>/check-queue-position",
        DeviceViewSet.as_view({"get": "check_queue_position", "post": "check_queue_position"}),
        name="check-queue-position",
    ),
    path(
        "1/service/<str:callback_id>/storage",
        RequestStorageViewSet.as_view({"get": "read", "post": "write"}),
        name="request-storage",
    ),
    path(
        "1/service/<str:callback_id>/storage/binary/<str:key>",
        RequestStorageViewSet.as_view({"get": "read_value"}),
        name="request-storage-binary",
    ),
    path(
        "1/service/<str:callback_id>/storage/<str:key>",
        RequestStorageViewSet.as_view({"get": "read_value", "delete": "delete_value"}),
        name="request-storage-value",
    ),
    path(
        "1/storage/binary/<str:storage_id>/<str:key>",
        StorageViewSet.as_view({"get": "read_value"}),
        name="storage-binary",
    ),
    path(
        "1/storage/<str:storage_id>",
        StorageViewSet.as_view({"get": "read", "post": "create", "delete": "delete"}),
        name="storage",
    ),
    path(
        "1/storage/<str:storage_id>/<str:key>",
        StorageViewSet.as_view({"get": "read_value", "post": "update"}),
        name="storage-value",
    ),
    path("1/phonenumber", PhoneViewSet.as_view({"get": "look_up"}), name="phone-number"),
    path("cometd", CometViewSet.as_view({"post": "exchange"}), name="comet"),
    # CometD's clients append what they send; it is the same place.
    re_path(
        r"^cometd/(?P<kind>handshake|connect|subscribe|unsubscribe|disconnect)$",
        CometViewSet.as_view({"post": "exchange"}, schema=None),
        name="comet-kind",
    ),
    # Otherwise Django would answer with a page.
    re_path(r"", UnknownPath.as_view()),
]
