"""Log lines: text for people or JSON for machines, with what they are about, and without what is nobody's business.

The code logs with Python's own `logging`. What a line is about (the callback, the request) is bound around the work
with structlog's context variables. The last step before a line is written hides numbers, keys and passwords, wherever
they stand: in the message, in a value, in a traceback, in a line of Django's, Celery's or gunicorn's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "***"

# The id of a callback, also within that of a leg.
_CALLBACK_ID = re.compile(r"\b\d{1,6}-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])")
# Fields of a line that are ours, are no personal data, and would be taken for such.
_OWN = frozenset({"timestamp", "level", "logger", "callback", "request"})
# In names of fields, and in NAME=VALUE, NAME: VALUE and "NAME": "VALUE" within a text.
_PRIVATE = (
    "password", "passwd", "secret", "token", "api_key", "api-key", "apikey", "authorization", "cookie",
    "number", "phone", "endpoint", "sip_address", "user_data", "usr_", "customer_name",
)  # fmt: skip
_PRIVATE_VALUE = re.compile(
    rf"""
    ((?:{"|".join(_PRIVATE)})[\w-]{{0,60}}["']?\s{{0,3}}[:=]\s{{0,3}})
    (?:"[^"]{{0,500}}"|'[^']{{0,500}}'|(?:(?:bearer|basic|api-key)\s+)?[^\s,;&)}}\]]+)
    """,
    re.VERBOSE | re.IGNORECASE,
)
# The password in an address, redis://:PASSWORD@host; the second half of an API key of ours; what lets a customer
# answer, in the path of a request, not in the link that the console writes in place of a text message.
_SECRET = re.compile(
    r"(://[^\s:/@]{0,64}:)[^\s@/]{1,200}(?=@)|(\.)[A-Za-z0-9]{32}(?![A-Za-z0-9])"
    r"|(?<![\w.:\]-])(/a/[\w-]{1,64}/)[0-9a-f]{20}(?![0-9a-f])"
)
# Seven digits and more, as numbers are written: 916504661232, +1 (650) 466-1232. The search is the cheap part.
_DIGITS = re.compile(r"\d[ ./()-]{0,2}\d[ ./()-]{0,2}\d(?:[ ./()-]{0,2}\d){4}")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_NUMBER = re.compile(
    rf"""
    # Kept, although it looks like a number: ids of callbacks and legs, moments, addresses of machines. Not where more
    # digits follow, as a number is written.
    (?P<kept>\b(?:\d{{1,6}}-)?[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}(?![0-9a-f])
      | (?<![\d+])(?:19|20)\d\d-(?:0\d|1[0-2])-[0-3]\d
        (?:[T\ ]\d\d:\d\d(?::\d\d(?:[.,]\d{{1,6}})?)?(?!\d)|(?![\ ./()-]{{0,2}}\d))
      | (?<![\d:])\d\d:\d\d:\d\d(?:[.,]\d{{1,6}})?(?!\d)
      | (?<![\d.+]){_OCTET}(?:\.{_OCTET}){{3}}(?![\d.]|[\ /()-]{{1,2}}\d))
  | (?P<number>(?<!\w)\+?(?:\(?\d[\ ./()-]{{0,2}}){{6,}}\d(?!\w)|\d{{7,}})
    """,
    re.VERBOSE,
)


def mask(text: str) -> str:
    """The text with numbers cut to their last two digits, and keys, passwords and named personal data hidden."""
    small = text.lower()
    if any(name in small for name in _PRIVATE):
        text = _PRIVATE_VALUE.sub(rf"\1{HIDDEN}", text)
    text = _SECRET.sub(rf"\1\2\3{HIDDEN}", text)
    return _NUMBER.sub(_last_two, text) if _DIGITS.search(text) else text


def _last_two(match: re.Match[str]) -> str:
    return match["kept"] or HIDDEN + re.sub(r"\D", "", match["number"])[-2:]


def name_callback(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """The callback, where none is bound and the line names one: a request's address, a leg, a kick."""
    if "callback" not in event and len(named := set(_CALLBACK_ID.findall(str(event["event"])))) == 1:
        event["callback"] = named.pop()
    return event


def mask_fields(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """structlog's last processor but one: everything in the line, but for the fields that are ours."""
    return {key if key in _OWN else mask(key): _masked(key, value) for key, value in event.items()}


def _masked(key: str, value: Any) -> Any:
    if key in _OWN:
        return value
    if any(name in key.lower() for name in _PRIVATE):
        return HIDDEN
    return _masked_value(value)


def _masked_value(value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 10**6 else mask(str(value))
    if isinstance(value, Mapping):
        return {mask(str(key)): _masked(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked_value(each) for each in value]
    return mask(value if isinstance(value, str) else str(value))


def _renderer(form: str) -> Processor:
    return structlog.processors.JSONRenderer(default=str) if form == "json" else _as_text


def _as_text(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """2026-11-22T04:19:04.123Z WARNING scheduling.kick broker unavailable callback=369-… request=…"""
    exception = event.pop("exception", "")
    first = [
        str(event.pop("timestamp")),
        str(event.pop("level")).upper(),
        str(event.pop("logger")),
        str(event.pop("event")),
    ]
    rest = [f"{key}={value}" for key, value in event.items()]
    return " ".join(first + rest) + (f"\n{exception}" if exception else "")


def configuration(*, form: str, level: str) -> dict[str, Any]:
    """Django's LOGGING. `form` is `text` or `json`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [
                    structlog.contextvars.merge_contextvars,
                    structlog.stdlib.add_log_level,
                    structlog.stdlib.add_logger_name,
                    structlog.stdlib.ExtraAdder(allow=["status_code"]),
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                ],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.StackInfoRenderer(),
                    structlog.processors.format_exc_info,
                    name_callback,
                    mask_fields,
                    _renderer(form),
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "django_celery_beat": {"level": "WARNING"},
            # They name whom a message goes to.
            "httpcore2": {"level": "WARNING"},
            "httpx2": {"level": "WARNING"},
            # They bring handlers of their own, whose lines would go out unmasked.
            "django": {"handlers": []},
            "django.server": {"handlers": [], "propagate": True},
            "gunicorn.error": {"handlers": [], "propagate": True},
            "gunicorn.access": {"handlers": [], "propagate": True},
        },
    }
