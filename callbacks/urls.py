from django.urls import path

from callbacks import brake_views
from callbacks.pages import acts, callback_list, callback_page, create, saved_views

urlpatterns = [
    path("", callback_list.callbacks, name="callback-list"),
    path("dialled/", brake_views.dialled, name="dialled"),
    path("dialled/release/", brake_views.release, name="dialled-release"),
    path("new/", create.create, name="callback-new"),
    path("new/number/", create.number, name="callback-number"),
    path("views/", saved_views.save, name="saved-view-save"),
    path("views/<int:pk>/", saved_views.change, name="saved-view-change"),
    path("views/<int:pk>/delete/", saved_views.delete, name="saved-view-delete"),
    path("<slug:callback_id>/", callback_page.callback, name="callback-detail"),
    path("<slug:callback_id>/acts/", acts.buttons, name="callback-acts"),
    # Whatever has an address of its own stands above this.
    path("<slug:callback_id>/<slug:act>/", acts.act, name="callback-act"),
]
