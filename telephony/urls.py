from django.urls import path

from telephony import views

urlpatterns = [
    path("", views.desk, name="desk"),
    path("day/", views.day, name="desk-day"),
    path("ready/", views.ready, name="desk-ready"),
    path("not-ready/", views.not_ready, name="desk-not-ready"),
    path("log-out/", views.log_out, name="desk-log-out"),
    path("place/", views.sit, name="desk-place"),
    path("told/", views.told, name="desk-told"),
    path("offer/accept/", views.accept, name="desk-accept"),
    path("offer/reject/", views.reject, name="desk-reject"),
    path("call/hold/", views.hold, name="desk-hold"),
    path("call/hang-up/", views.hang_up, name="desk-hang-up"),
    path("disposition/", views.dispose, name="desk-dispose"),
]
