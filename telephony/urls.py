from django.urls import path

from telephony import views

urlpatterns = [
    path("", views.desk, name="desk"),
    path("ready/", views.ready, name="desk-ready"),
    path("not-ready/", views.not_ready, name="desk-not-ready"),
    path("log-out/", views.log_out, name="desk-log-out"),
]
