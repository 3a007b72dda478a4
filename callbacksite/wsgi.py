import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

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
