"""The product's settings, with one view beside it to measure against."""

import os

from callbacksite.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.urls"
SIMULATOR_SPEED = float(os.environ.get("SIMULATOR_SPEED", "100"))
# The task that `scheduling` compares with.
CELERY_IMPORTS = ["tests.bench.eta"]
