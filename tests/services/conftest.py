from __future__ import annotations

import pytest

from services import kinds
from tests.services.doubles import KINDS


@pytest.fixture(autouse=True)
def kinds_of_higher_floors(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, kind in KINDS.items():
        monkeypatch.setitem(kinds._registry, name, kind)
