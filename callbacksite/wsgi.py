import gc
import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callbacksite.settings")


class ReadableRequest(WSGIRequest):
    """A request whose Content-Type may be anything.

    Django reads that header before it can answer an error: what its parser cannot digest would break the connection.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        try:
            super().__init__(environ)
        except ValueError:
            super().__init__({**environ, "CONTENT_TYPE": "unreadable"})


class Handler(WSGIHandler):
    request_class = ReadableRequest


django.setup(set_prefix=False)
application = Handler()

# Its models need the registry that has just been filled. Here, not in a hook of gunicorn's, so that no configuration
# can forget it; each process of gunicorn imports this module, as long as it is not told to preload.
from scheduling import totals  # noqa: E402

totals.begin()

# What is loaded stays as long as the process: the collector need not look through it again and again, a tenth of a
# second each time, in which no request is answered. First every view, which the first request would load.
get_resolver().url_patterns  # noqa: B018 (loads them)
gc.collect()
gc.freeze()
