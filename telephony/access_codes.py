"""The codes by which callers of a shared access number are told apart: random digits, perhaps behind a prefix."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

# The vendor reads a prefix into a Java int.
LARGEST_PREFIX = 2**31 - 1
_FEW, _MANY = 20, 10_000


class BadPrefix(Exception):
    """`access_code_prefix` of `[server]` cannot begin a code of the wanted length. Its text is the vendor's message."""


class PrefixTooLong(BadPrefix):
    """It leaves no digit of the code to chance."""


class PrefixTooLarge(BadPrefix):
    """It is larger than the vendor's numbers go."""


@dataclass(frozen=True)
class Codes:
    """Codes of `length` digits that begin with one of `prefixes`, each written with `width` digits at least."""

    length: int
    prefixes: range = range(0)
    width: int = 0

    def few(self) -> list[str]:
        """Some at random, as long as few are taken."""
        return [self._one() for _ in range(_FEW)]

    def many(self) -> list[str]:
        """All that there are, in random order; where these are more than ten thousand, as many at random."""
        if len(self.prefixes) > _MANY or sum(10 ** self._left(begin) for begin in self._begins()) > _MANY:
            return list({self._one() for _ in range(_MANY)})
        codes = [
            f"{begin}{rest:0{self._left(begin)}}" for begin in self._begins() for rest in range(10 ** self._left(begin))
        ]
        secrets.SystemRandom().shuffle(codes)
        return codes

    def _begins(self) -> list[str]:
        return [f"{prefix:0{self.width}}" for prefix in self.prefixes] or [""]

    def _left(self, begin: str) -> int:
        return self.length - len(begin)

    def _one(self) -> str:
        begin = f"{secrets.choice(self.prefixes):0{self.width}}" if self.prefixes else ""
        left = self._left(begin)
        return f"{begin}{secrets.randbelow(10**left):0{left}}"


def codes(length: int, prefix: str) -> Codes:
    """Codes of so many digits behind `access_code_prefix`: a number, a range such as 7-9, or nothing.

    Raises BadPrefix (wire contract, section 1).
    """
    if not prefix:
        return Codes(length)
    first, _, last = prefix.partition("-")
    bounds = [_bound(first), _bound(last or first)]
    if max(len(first), len(last)) >= length:
        raise PrefixTooLong("n must be positive")
    return Codes(length, range(min(bounds), max(bounds) + 1), len(first))


def _bound(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > LARGEST_PREFIX:
        raise PrefixTooLarge(f'For input string: "{text}"')
    return int(text)
