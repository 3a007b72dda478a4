"""Files that the configuration names: secrets and texts, below a folder of the installation and never outside of it.

The database, its backups and exported configurations hold the name only.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path

# Names of files and folders, without those that begin with a dot.
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*){0,7}")
_LONGEST = 200


class Unreadable(Exception):
    """A file cannot be used; why, as a sentence that names it, without what stands in it."""


def read(folder: Path, name: str, *, most: int) -> bytes:
    """The file of this name below the folder. Raises Unreadable, also beyond `most` bytes."""
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        raise Unreadable(f"{name[:_LONGEST]!r} is no name of a file below {folder}, such as app.json")
    try:
        path = (folder / name).resolve(strict=True)
        # A link may lead to another place of the folder, as where secrets are mounted; not out of it.
        if not path.is_relative_to(folder.resolve()):
            raise Unreadable(f"{name} leads out of {folder}")
        # Before it is opened: opening a pipe would wait for a writer.
        if not stat.S_ISREG(path.stat().st_mode):
            raise Unreadable(f"{name} in {folder} is no file")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise Unreadable(f"{name} in {folder} cannot be read: {error.strerror}") from None
    if len(content) > most:
        raise Unreadable(f"{name} in {folder} is longer than {most} bytes")
    return content


def text(folder: Path, name: str, *, most: int) -> str:
    """As `read`, as UTF-8 text without the blanks around it. Raises Unreadable, also where it is empty."""
    try:
        found = read(folder, name, most=most).decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise Unreadable(f"{name} in {folder} is not UTF-8 text") from None
    if not found:
        raise Unreadable(f"{name} in {folder} is empty")
    return found
