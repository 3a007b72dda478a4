from django.urls import path

from callbacks.pages import jobs

urlpatterns = [
    path("", jobs.jobs, name="jobs"),
    path("cancel/", jobs.cancel, name="jobs-cancel"),
    path("cancel/start/", jobs.cancel_start, name="jobs-cancel-start"),
    path("export/", jobs.export, name="jobs-export"),
    path("<int:pk>/", jobs.job, name="job"),
    path("<int:pk>/stop/", jobs.stop, name="job-stop"),
    path("<int:pk>/file/", jobs.fetch, name="job-file"),
    path("<int:pk>/summary/", jobs.summary, name="job-summary"),
    path("<int:pk>/cancelled/", jobs.cancelled, name="job-cancelled"),
]
