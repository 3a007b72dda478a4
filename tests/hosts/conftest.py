from __future__ import annotations

from tests.live.conftest import asterisk_root

__all__ = ["asterisk_root"]
