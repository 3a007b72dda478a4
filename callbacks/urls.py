from django.urls import path

from callbacks import brake_views
from callbacks.pages import callback_list, callback_page

urlpatterns = [
    path("", callback_list.callbacks, name="callback-list"),
    path("dialled/", brake_views.dialled, name="dialled"),
    path("dialled/release/", brake_views.release, name="dialled-release"),
    path("<slug:callback_id>/", callback_page.callback, name="callback-detail"),
]
