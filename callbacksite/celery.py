import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callbacksite.settings")

app = Celery("callbacksite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
