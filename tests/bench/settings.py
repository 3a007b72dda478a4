"""The product's settings, with one view beside it to measure against."""

from callbacksite.settings import *  # noqa: F403
from callbacksite.settings import env

ROOT_URLCONF = "tests.bench.urls"
SIMULATOR_SPEED = env.float("SIMULATOR_SPEED", default=100.0)
