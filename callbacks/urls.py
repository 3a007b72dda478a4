from django.urls import path

from callbacks import views

urlpatterns = [
    path("", views.callbacks, name="callback-list"),
    path("<slug:callback_id>/", views.callback, name="callback-detail"),
]
