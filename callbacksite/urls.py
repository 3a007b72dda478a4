from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(), name="api-docs"),
    # Last: below the base path everything is answered as the wire contract says, also what is not there.
    path(f"{settings.API_BASE_PATH}/", include("callbacks.api.urls")),
]

handler400 = "callbacks.api.errors.bad_request"
handler500 = "callbacks.api.errors.server_error"
