"""The keys and values of a request as text, in whichever of three encodings they came (wire contract, section 1).

Strict where a lenient reader would store something else than the client meant: a body that is cut off, a key given
twice, bytes that are not text, a part without a name are refused by name instead of being dropped or replaced.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NoReturn, TypeVar
from urllib.parse import parse_qsl

from django.http import HttpRequest
from django.utils.http import parse_header_parameters

from callbacks.api.errors import ApiError
from callbacks.storage import File
from services.kinds import shown

MOST_KEYS = 200
LONGEST_KEY = 128
LONGEST_VALUE = 4096


Pairs = Iterable[tuple[str, str]]
Values = Iterable[tuple[str, str | File]]
JSON = "application/json"
Reader = Callable[[bytes, Mapping[str, str]], Pairs]
ReaderOfFiles = Callable[[bytes, Mapping[str, str]], Values]
_Reader = TypeVar("_Reader", Reader, ReaderOfFiles)

# Apache's HttpClient, and so many a Java client, sends ISO-8859-1 unless told otherwise.
_CHARSETS = frozenset({"utf-8", "ascii", "iso8859-1"})
_BOUNDARY = re.compile(r"[ -~]{0,69}[!-~]")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,60}/[A-Za-z0-9!#$&^_.+-]{1,60}")
_ANY_BYTES = "application/octet-stream"
_PLAIN_TRANSFER = frozenset({"", "7bit", "8bit", "binary"})


def from_body(request: HttpRequest) -> dict[str, str]:
    """The parameters in a request's body; none for an empty one. Raises ApiError."""
    body, reader = _body(request, READERS)
    return _checked(reader(body, request.content_params or {})) if reader else {}


def with_files(request: HttpRequest) -> dict[str, str | File]:
    """As from_body(), for requests that also take files: multipart parts with a file name. Raises ApiError."""
    body, reader = _body(request, READERS_OF_FILES)
    values = list(reader(body, request.content_params or {})) if reader else []
    texts = _checked([(key, value if isinstance(value, str) else "") for key, value in values])
    return {**texts, **{key: value for key, value in values if isinstance(value, File)}}


def _body(request: HttpRequest, readers: Mapping[str, _Reader]) -> tuple[bytes, _Reader | None]:
    """The body and who reads it, which is nobody where there is none."""
    if "CONTENT_LENGTH" not in request.META and "HTTP_TRANSFER_ENCODING" in request.META:
        raise ApiError("A body needs a Content-Length.", status=411)
    body = request.body
    if len(body) != int(request.META.get("CONTENT_LENGTH") or 0):
        raise ApiError("The body is shorter than its Content-Length.")
    if not body:
        return body, None
    reader = readers.get(request.content_type or "")
    if reader is None:
        raise ApiError(f"Unsupported Media Type: the body must be one of {', '.join(readers)}.", status=415)
    return body, reader


def from_query(request: HttpRequest, *, repeatable: Collection[str] = ()) -> dict[str, str]:
    """The parameters in a request's query string; values of a repeated one have commas between. Raises ApiError."""
    return _checked(_from_form(request.META.get("QUERY_STRING", "").encode("latin-1"), {}), repeatable)


def from_json_with_lists(request: HttpRequest, keys: Collection[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The parameters in a JSON body, and those of `keys`, which are arrays of texts. Raises ApiError."""
    body, _ = _body(request, {JSON: _from_json})
    plain: list[tuple[str, str]] = []
    lists: dict[str, list[str]] = {}
    for key, value in _json_object(body, request.content_params or {}) if body else []:
        if key not in keys:
            plain.append((key, _json_text(key, value)))
        elif key in lists:
            raise ApiError(f"Key {shown(key)} is given twice.")
        elif isinstance(value, list) and all(isinstance(text, str) for text in value):
            lists[key] = value
        else:
            raise ApiError(f"The value of {shown(key)} is not an array of texts.")
    for key, texts in lists.items():
        for text in texts:
            _check_text(f"A text of {shown(key)}", text, LONGEST_VALUE)
    return _checked(plain), lists


def _checked(pairs: Pairs, repeatable: Collection[str] = ()) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for key, value in pairs:
        if key in parameters and key in repeatable:
            parameters[key] += f",{value}"
            continue
        if key in parameters:
            raise ApiError(f"Key {shown(key)} is given twice.")
        _check_text("A key", key, LONGEST_KEY)
        _check_text(f"The value of {shown(key)}", value, LONGEST_VALUE)
        parameters[key] = value
    if "" in parameters:
        raise ApiError("A key is empty.")
    if len(parameters) > MOST_KEYS:
        raise ApiError(f"The request has more than {MOST_KEYS} keys.")
    return parameters


def _check_text(what: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise ApiError(f"{what} is longer than {longest} characters.")
    if "\x00" in text:
        raise ApiError(f"{what} has a NUL character.")
    # Half a surrogate pair, which only JSON's escapes can write, is no text that can be stored.
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ApiError(f"{what} is not Unicode text.")


def _decode(raw: bytes, charset: str, what: str) -> str:
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        name = ""
    if name not in _CHARSETS:
        raise ApiError(f"Unsupported Media Type: charset {shown(charset)}; use UTF-8.", status=415)
    try:
        return raw.decode(name)
    except UnicodeDecodeError:
        raise ApiError(f"{what} is not {name.upper()} text.") from None


def _from_form(raw: bytes, parameters: Mapping[str, str]) -> Pairs:
    charset = parameters.get("charset", "utf-8")
    text = _decode(raw, charset, "The form")
    try:
        return parse_qsl(
            text, keep_blank_values=True, encoding=charset, errors="strict", max_num_fields=MOST_KEYS, separator="&"
        )
    except UnicodeDecodeError:
        raise ApiError("The form is not UTF-8 text.") from None
    except ValueError:
        raise ApiError(f"The request has more than {MOST_KEYS} keys.") from None


def _from_json(raw: bytes, parameters: Mapping[str, str]) -> Pairs:
    """One JSON object of texts."""
    return [(key, _json_text(key, value)) for key, value in _json_object(raw, parameters)]


def _json_object(raw: bytes, parameters: Mapping[str, str]) -> list[tuple[str, Any]]:
    """Its pairs. Numbers are texts, as they are written; null counts as absent."""
    text = _decode(raw, parameters.get("charset", "utf-8"), "The JSON")
    try:
        # A tuple tells an object from an array, and shows a key that is given twice.
        found = json.loads(
            text, parse_int=str, parse_float=str, parse_constant=_refuse_constant, object_pairs_hook=tuple
        )
    except (ValueError, RecursionError):
        raise ApiError("The body is not valid JSON.") from None
    if not isinstance(found, tuple):
        raise ApiError("The body must be one JSON object.")
    return [(key, value) for key, value in found if value is not None]


def _json_text(key: str, value: Any) -> str:
    """True and false count as these words."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
    raise ApiError(f"The value of {shown(key)} is an object or an array; it must be text, a number, true or false.")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _from_multipart(raw: bytes, parameters: Mapping[str, str]) -> Pairs:
    """RFC 7578, text parts only: delimiter lines, header lines, an empty line, the value."""
    pairs: list[tuple[str, str]] = []
    for name, value in _from_multipart_with_files(raw, parameters):
        if isinstance(value, File):
            raise ApiError(f"Part {shown(name)} is a file; only text is taken.")
        pairs.append((name, value))
    return pairs


def _from_multipart_with_files(raw: bytes, parameters: Mapping[str, str]) -> Values:
    """RFC 7578: parts with a file name are files, and stay the bytes that they are."""
    boundary = parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise ApiError("The multipart body's boundary is missing or malformed.")
    _, *parts = (b"\r\n" + raw).split(b"\r\n--" + boundary.encode("ascii"), MOST_KEYS + 2)
    pairs: list[tuple[str, str | File]] = []
    for part in parts:
        if part.startswith(b"--"):
            return pairs
        if len(pairs) == MOST_KEYS:
            raise ApiError(f"The request has more than {MOST_KEYS} keys.")
        pairs.append(_from_part(part, parameters.get("charset", "utf-8")))
    raise ApiError("The multipart body ends before its closing boundary.")


def _from_part(part: bytes, charset: str) -> tuple[str, str | File]:
    padding, _, rest = part.partition(b"\r\n")
    # A part may have no value, but never no empty line.
    head, empty_line, value = rest.partition(b"\r\n\r\n")
    if padding.strip(b" \t") or not empty_line:
        raise ApiError("A part of the multipart body is malformed.")
    lines = dict(_header(line) for line in _decode(head, "utf-8", "A part's header").split("\r\n"))
    kind, disposition = _split_header(lines.get("content-disposition", ""))
    name = disposition.get("name", "")
    if kind != "form-data" or not name:
        raise ApiError("A part of the multipart body has no name.")
    if lines.get("content-transfer-encoding", "").lower() not in _PLAIN_TRANSFER:
        raise ApiError(f"Part {shown(name)} has a Content-Transfer-Encoding; send the text as it is.")
    media_type, content_type = _split_header(lines.get("content-type", ""))
    if "filename" in disposition:
        _check_text(f"The file name of {shown(name)}", disposition["filename"], LONGEST_VALUE)
        return name, File(
            value, media_type if _MEDIA_TYPE.fullmatch(media_type) else _ANY_BYTES, disposition["filename"]
        )
    return name, _decode(value, content_type.get("charset", charset), f"Part {shown(name)}")


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()


def _split_header(value: str) -> tuple[str, dict[str, str]]:
    try:
        return parse_header_parameters(value)
    except ValueError:
        raise ApiError("A part of the multipart body is malformed.") from None


READERS: dict[str, Reader] = {
    "multipart/form-data": _from_multipart,
    "application/x-www-form-urlencoded": _from_form,
    JSON: _from_json,
}
READERS_OF_FILES: dict[str, ReaderOfFiles] = {**READERS, "multipart/form-data": _from_multipart_with_files}
