"""Callers that go on capturing leads while things break."""

import random
import threading
import time
from types import TracebackType
from typing import Self

from tests.faults.installation import Installation


class Callers:
    """A few chatbots, each with people of its own, one in three of whom comes back with another enquiry."""

    def __init__(self, house: Installation, *, count: int = 3, pause_seconds: float = 0.05, seed: int = 0) -> None:
        self._house = house
        self._pause_seconds = pause_seconds
        self._stopped = threading.Event()
        self._errors: list[BaseException] = []
        self.longest_seconds = 0.0
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(f"{seed}-{n}"),), daemon=True) for n in range(count)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(120)
        if error is None and self._errors:
            raise self._errors[0]

    def _run(self, chance: random.Random) -> None:
        people: list[str] = []
        try:
            while not self._stopped.is_set():
                email = chance.choice(people) if people and chance.random() < 0.33 else self._house.history.person()
                people.append(email)
                started = time.monotonic()
                self._house.capture(email)
                self.longest_seconds = max(self.longest_seconds, time.monotonic() - started)
                time.sleep(self._pause_seconds)
        except BaseException as err:  # noqa: BLE001 (raised again where the callers are waited for)
            self._errors.append(err)
