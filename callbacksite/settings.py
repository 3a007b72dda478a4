"""All settings; every environment variable that the project reads is read here and described in docs/environment.md."""

from datetime import timedelta
from pathlib import Path

from csp import constants as csp

from callbacksite import environment as env
from callbacksite import languages, logs
from scheduling import periodic

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = env.secret(
    "SECRET_KEY",
    default="insecure-only-for-local-use-set-SECRET_KEY-in-production-0123456789",
    shown="an insecure one",
    help="signs sessions; at least 50 random characters, different for every installation, the same on all its hosts",
)
ALLOWED_HOSTS = env.several(
    "ALLOWED_HOSTS",
    default=["localhost", "127.0.0.1", "[::1]"],
    help="the names under which the web is reached",
)
# Behind TLS in production: every flag follows this one switch, so that `make run` works over plain HTTP.
HTTPS = env.boolean("HTTPS", default=False, help="`true` in production: secure cookies, HSTS, redirects to https")
BEHIND_PROXY = env.boolean(
    "BEHIND_PROXY",
    default=False,
    help="believe what the proxy that ends TLS says in X-Forwarded-Proto, only with `HTTPS=true`, and in "
    "X-Forwarded-For about who guesses passwords",
)
CSRF_TRUSTED_ORIGINS = env.several(
    "CSRF_TRUSTED_ORIGINS", default=[], help="further origins, as https://host, from which the pages' forms may be sent"
)
DEBUG = env.boolean("DEBUG", default=False, help="never in production: shows settings to whoever causes an error")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_celery_beat",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "services",
    "scheduling",
    "telephony",
    "callbacks",
    "callbacksite",
]

MIDDLEWARE = [
    "callbacksite.middleware.operations",
    "callbacksite.middleware.observe",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "callbacksite.middleware.viewers_zone",
    "callbacksite.middleware.ViewersLanguage",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    # Last: it puts its page in place of the answer to somebody who has failed to sign in too often.
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "callbacksite.urls"
WSGI_APPLICATION = "callbacksite.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# No statement waits longer than its caller can: a request that meets a lock answers 503 instead of hanging
# (docs/architecture.md, invariant 6). Migrations and maintenance commands run without these limits.
_TIMEOUTS = "-c lock_timeout=2000 -c idle_in_transaction_session_timeout=5000 -c statement_timeout=10000"
_DATABASE = env.database(
    "DATABASE_URL", default="postgres:///callbacksite", help="the PostgreSQL database, the service's only memory"
)
# A database out of reach must not hold anybody for the quarter of an hour that TCP itself would take: what is not
# acknowledged in time is given up, at both ends, so that neither a process nor a session with its locks outlives the
# network between them (docs/several-hosts.md). Unix sockets know none of it.
_LOST_PEER = {
    "connect_timeout": 3,
    "tcp_user_timeout": 6000,
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
}
_TIMEOUTS += " -c tcp_user_timeout=6000 -c tcp_keepalives_idle=3 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3"
# Bound and prepared by the server: it plans the few statements of the flow once, not a hundred times a callback.
_DATABASE["OPTIONS"] = {**_LOST_PEER, **_DATABASE.get("OPTIONS", {}), "server_side_binding": True}
if not env.boolean(
    "DATABASE_MAINTENANCE",
    default=False,
    help="`true` for long work by hand: statements have no time limit. `manage.py migrate` sets it by itself",
):
    _DATABASE["OPTIONS"]["options"] = _TIMEOUTS
DATABASES = {"default": {**_DATABASE, "CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AUTHENTICATION_BACKENDS = [
    # First: who is locked out is refused before the password is looked at.
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
# Whoever guesses on must not be able to keep the owner out for good.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "callbacksite.signing_in.counted_address"
AXES_LOCKOUT_CALLABLE = "callbacksite.signing_in.locked_out"
# A list of who signed in, when and from where, would be kept for ever.
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
# Log lines say the address. Into the user name people type passwords.
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

# A link that lies about is a password.
PASSWORD_RESET_TIMEOUT = 2 * 60 * 60
EMAIL_URL = env.mail(
    "EMAIL_URL",
    shown="e-mails are printed where the worker logs; with `HTTPS=true` none are sent",
    help="the server that takes e-mails: links for [lost passwords](people.md#a-lost-password)",
)
EMAIL_BACKEND = EMAIL_URL.get("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
EMAIL_HOST = EMAIL_URL.get("EMAIL_HOST", "")
EMAIL_PORT = EMAIL_URL.get("EMAIL_PORT", 25)
EMAIL_HOST_USER = EMAIL_URL.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = EMAIL_URL.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = EMAIL_URL.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = EMAIL_URL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text(
    "EMAIL_FROM", default="callbacksite@localhost", help="the sender of e-mails, for example callbacks@example.org"
)

LANGUAGE_CODE = "en"
LOCALE_PATHS = [BASE_DIR / "locale"]
# English, and every language with a compiled catalogue (docs/people.md).
LANGUAGES = languages.available(BASE_DIR / "locale")
TIME_ZONE = env.zone("TIME_ZONE", default="UTC", help="of the pages; the database and the API speak UTC")
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = env.folder(
    "STATIC_ROOT", default=BASE_DIR / "staticfiles", shown="staticfiles", help="where `collectstatic` puts files"
)
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True

SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
# The prefix lets browsers keep whoever writes cookies for a neighbouring name, or over plain HTTP, from setting ours.
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "csrftoken"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# A shift, with time to spare; it is not prolonged, because pages that refresh themselves would never let it end.
SESSION_COOKIE_AGE = 12 * 60 * 60
# Nothing but our own files: no script, style or handler stands in a page (docs/security.md).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [csp.NONE],
        "script-src": [csp.SELF],
        "style-src": [csp.SELF],
        # data: are the icons of the API's documentation.
        "img-src": [csp.SELF, "data:"],
        "connect-src": [csp.SELF],
        "form-action": [csp.SELF],
        "base-uri": [csp.NONE],
        "frame-ancestors": [csp.NONE],
    }
}
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
if HTTPS and BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# The first path part of the wire protocol: /genesys/1/service/callback/...
API_BASE_PATH = env.text("API_BASE_PATH", default="genesys", help="first part of the API's path").strip("/")
# The vendor leaves start, query and cancel open to everybody; here that is a decision of the operator.
API_ALLOW_ANONYMOUS = env.boolean(
    "API_ALLOW_ANONYMOUS", default=False, help="`true`: no key is needed to start, look up and cancel callbacks"
)
CORS_ALLOWED_ORIGINS = env.several(
    "CORS_ALLOWED_ORIGINS",
    default=[],
    help="origins, as scheme://host[:port], whose web pages may call the API ([why](adr/0010-cors.md))",
)
# As the vendor prints it: 369-f5d50ce1-...
NODE_ID = env.whole(
    "NODE_ID", default=369, lowest=0, highest=999999, help="number before the dash of every callback's id"
)
OUTBOUND_ALLOWED_NETWORKS = env.networks(
    "OUTBOUND_ALLOWED_NETWORKS",
    help="networks of our own to which [push messages](operators.md#push-messages) may go, beside the internet",
)
PUSH_CREDENTIALS = env.folder(
    "PUSH_CREDENTIALS",
    default=BASE_DIR / "credentials",
    shown="credentials",
    help="where the key files of [push services](push.md#credentials) lie, which the configuration names",
)
MESSAGE_FILES = env.folder(
    "MESSAGE_FILES",
    default=BASE_DIR / "messages",
    shown="messages",
    help="where the [texts for customers](push.md#texts) lie, which `_notification_message_file` names",
)
# The services themselves; tests put others in their place.
FCM_ENDPOINT = "https://fcm.googleapis.com"
GOOGLE_TOKEN_ENDPOINT = "https://oauth2.googleapis.com/token"  # noqa: S105 (an address) # nosec B105
APNS_ENDPOINT = "https://api.push.apple.com"
APNS_SANDBOX_ENDPOINT = "https://api.sandbox.push.apple.com"
# Here and not in the database, whose dumps would tell them.
STATUS_NOTIFICATION_SECRETS = env.signing_secrets(
    "STATUS_NOTIFICATION_SECRETS",
    shown="one that follows from `SECRET_KEY`; `manage.py notification_secret` tells it",
    help="what [status notifications](status-notifications.md#signatures) are signed with; several while they are "
    "rotated",
)
SIMULATOR_SPEED = env.decimal(
    "SIMULATOR_SPEED",
    default=1.0,
    lowest=0.01,
    highest=1000,
    help="how many times faster than life the [simulator](simulator.md)'s people ring, talk and hang up",
)

# For gunicorn (deploy/gunicorn.conf.py).
WEB_BIND = env.text(
    "WEB_BIND", default="127.0.0.1:8000", help="where the web listens: ADDRESS:PORT, or unix:/path/of/a/socket"
)
WEB_WORKERS = env.whole(
    "WEB_WORKERS", default=2, lowest=1, highest=64, help="processes of the web; one a core is right"
)
WEB_THREADS = env.whole(
    "WEB_THREADS",
    default=4,
    lowest=1,
    highest=64,
    help="requests that each of them serves at once; each keeps a connection to PostgreSQL",
)
FORWARDED_ALLOW_IPS = env.text(
    "FORWARDED_ALLOW_IPS",
    default="127.0.0.1,::1",
    help="addresses or networks of the proxies that are believed about the scheme and the header `gms_user`; never `*` "
    "where others can reach the web",
)

DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# For the forms of the admin: a service sends a field an option and one for each option that requests may override, a
# list four a row. The API counts its keys itself (callbacks/api/bodies.py).
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
# No view takes a file: a file part of a start request is refused by name.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
    "EXCEPTION_HANDLER": "callbacks.api.errors.handle",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Callbacksite",
    "DESCRIPTION": "Callbacks for contact centres, wire-compatible with Genesys Mobile Services (GMS) Callback.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

REDIS_URL = env.broker(
    "REDIS_URL", default="redis://127.0.0.1:6379/0", help="the Redis that carries kicks between the processes"
)
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
# No results, so that Celery adds no periodic task of its own that clears them away.
CELERY_RESULT_EXPIRES = None
# Else Celery opens a connection to the database for every task, which costs the database more than the task does.
CELERY_DB_REUSE_MAX = 1000
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = env.whole(
    "WORKER_PROCESSES", default=4, lowest=1, highest=64, help="processes of each worker that carries callbacks out"
)
CELERY_TASK_TIME_LIMIT = 60
CELERY_TASK_SOFT_TIME_LIMIT = 50
CELERY_TASK_DEFAULT_QUEUE = "flow"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_PUBLISH_RETRY = False
# A publish on a dead connection must not hold a request (invariant 6).
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 1.0,
    "socket_connect_timeout": 0.5,
    "visibility_timeout": 120,
    # Without these a refused connection is tried for six seconds, `retry=False` or not.
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0,
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "scheduling.beat:Scheduler"
CELERY_TASK_ROUTES = {
    "callbacks.tasks.advance": {"queue": "flow"},
    "callbacks.tasks.audit": {"queue": "outside"},
    "callbacks.tasks.cancel_some": {"queue": "sweeps"},
    "callbacks.tasks.deliver_status": {"queue": "outside"},
    "callbacks.tasks.send": {"queue": "outside"},
    "telephony.tasks.*": {"queue": "flow"},
    "scheduling.tasks.tick": {"queue": "clock"},
    "scheduling.tasks.sweep": {"queue": "sweeps"},
    "callbacksite.tasks.clear_sessions": {"queue": "sweeps"},
    # A server for e-mails may take seconds.
    "callbacksite.tasks.mail_password": {"queue": "outside"},
}
CELERY_BEAT_SCHEDULE = periodic.BEAT_SCHEDULE

LOG_LEVEL = env.choice(
    "LOG_LEVEL",
    default="INFO",
    choices=["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
    help="the least important log lines that are written",
)
LOG_FORMAT = env.choice(
    "LOG_FORMAT", default="text", choices=["text", "json"], help="form of the log lines: for people, or for machines"
)
LOGGING = logs.configuration(form=LOG_FORMAT, level=LOG_LEVEL)

METRICS_TOKEN = env.secret(
    "METRICS_TOKEN",
    default="",
    shown="",
    help="the bearer token that `/metrics` asks for; without one it answers only to its own machine "
    "([monitoring.md](monitoring.md))",
)
