"""An agent's browser: signs in once and presses the buttons of the desk page."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import httpx2

PASSWORD = "a calm afternoon"


class Desk:
    """The desk of one agent at a service that listens on a local port. A context manager."""

    def __init__(self, port: int, name: str) -> None:
        self.name = name
        self._http = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False)

    def __enter__(self) -> Self:
        self._http.get("/login/")
        answer = self._http.post("/login/", data={"username": self.name, "password": PASSWORD}, headers=self._token)
        assert answer.status_code == 302, answer.text
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def page(self) -> str:
        return self._http.get("/desk/").text

    def press(self, button: str, **fields: str) -> None:
        """Press the button whose form goes to this path below the desk, with its fields."""
        answer = self._http.post(f"/desk/{button}/", data=fields, headers=self._token)
        assert answer.status_code in {200, 302}, f"{answer.status_code}: {answer.text}"

    @property
    def _token(self) -> dict[str, str]:
        return {"X-CSRFToken": self._http.cookies["csrftoken"]}
