"""gunicorn's settings: `gunicorn --config deploy/gunicorn.conf.py`. What differs between installations is in the
environment (docs/environment.md)."""

from __future__ import annotations

import logging
import os
from typing import Any

from gunicorn.glogging import Logger

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callbacksite.settings")
from django.conf import settings


class AccessLog(Logger):  # type: ignore[misc]  # gunicorn brings no types
    """Addresses as they were sent and without their query: a query may hold a customer's number, and a path whose
    escapes were resolved could write lines of its own.

    That nothing has changed on a page is not told: each open desk would write more than one line a second.
    """

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> None:
        if req.method != "GET" or not str(resp.status).startswith("204"):
            super().access(resp, req, environ, request_time)

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> dict[str, Any]:
        atoms: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        atoms["U"] = environ["RAW_URI"].partition("?")[0]
        return atoms


# Imported by each worker for itself (no preload_app): each counts for the metrics, and none shares a connection.
wsgi_app = "callbacksite.wsgi"
# Under systemd the socket comes from callbacksite-web.socket instead.
bind = settings.WEB_BIND

worker_class = "gthread"
workers = settings.WEB_WORKERS
threads = settings.WEB_THREADS
# Where workers show that they live; on a disk that is slow they would be taken for dead.
worker_tmp_dir = "/dev/shm"  # noqa: S108 (a directory's name, no file) # nosec B108
# A worker that hangs as a whole is killed; a request that is slow is not noticed by this.
timeout = 30
# Longer than the longest statement (10 s), shorter than the supervisor's patience (30 s).
graceful_timeout = 20
# Longer than proxies keep their side open (nginx: 60 s), so that it is never we who close under a request.
keepalive = 75
# Whatever leaks is gone after that; jitter keeps the workers from leaving together.
max_requests = 20_000
max_requests_jitter = 2_000

# What a request may bring before Django looks at it; the body is limited there (1 MB, callbacksite/settings.py).
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190

forwarded_allow_ips = settings.FORWARDED_ALLOW_IPS
# gunicorn drops headers with an underscore, because `X_FORWARDED_FOR` could be taken for `X-Forwarded-For`. This one is
# part of the wire protocol; it is let through alone, and only from the proxies above. Mapping all of them
# (header_map = "dangerous") would let any client forge what the proxy says.
forwarder_headers = "GMS_USER"

# From the first line on; Django configures logging only in the workers.
logconfig_dict = settings.LOGGING
logging.captureWarnings(True)
accesslog = "-"
logger_class = AccessLog
# Commas, because "200 8123" would be taken for a telephone number and be masked.
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s, %(B)s bytes, %(M)s ms'
# Nobody steers it while it runs but its supervisor.
control_socket_disable = True
