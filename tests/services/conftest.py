from __future__ import annotations

import pytest

from services.kinds import base
from tests.services.doubles import KINDS


@pytest.fixture(autouse=True)
def kinds_of_higher_floors(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, kind in KINDS.items():
        monkeypatch.setitem(base._registry, name, kind)
