"""Vendors' SDKs that know https alone: what they send to a host goes to the sandbox."""

from typing import Any

import requests
from requests.adapters import HTTPAdapter


def session_to(host: str, url: str) -> requests.Session:
    """Return a session that asks `url` for what it is told to ask `https://<host>` for."""
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", _Rerouted(f"https://{host}", url))
    return session


class _Rerouted(HTTPAdapter):
    def __init__(self, home: str, url: str) -> None:
        super().__init__()
        self._home, self._url = home, url

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        request.url = (request.url or "").replace(self._home, self._url)
        return super().send(request, *args, **options)
