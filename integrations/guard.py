"""Stands before every request to a vendor: its quota and its breaker, whoever calls."""

import time
from collections.abc import Callable

import structlog

from integrations.breaker import Breaker
from integrations.providers import errors
from integrations.providers.base import Limits, Reply, Request, Session
from integrations.providers.replies import retry_after
from integrations.quota import Quota

log = structlog.get_logger(__name__)

# A vendor that says "too many" and not for how long is left alone so long.
_UNTOLD_PAUSE = 1.0
_UNTOLD_DAY = 3600.0
# Our own haste, not the vendor's fault.
_OURS = {"no_time_left", "busy"}


class GuardedSession(Session):
    """A session that waits for its turn, at most `patience` seconds."""

    def __init__(
        self,
        inner: Session,
        *,
        quota: Quota,
        breaker: Breaker,
        patience: float,
        counts_silence: bool,
        may_call: Callable[[], bool] = lambda: True,
        limits: Callable[[Reply], Limits | None] = lambda reply: None,
    ) -> None:
        self._inner = inner
        self._quota = quota
        self._breaker = breaker
        self._patience = patience
        # A drainer's lease: who stood still for too long must not begin another request of the same piece of work.
        self._may_call = may_call
        self._limits = limits
        # A look-up gives up at its own deadline: that it got no answer by then doesn't say that the vendor is down.
        self._counts_silence = counts_silence

    def send(self, request: Request) -> Reply:
        """Send one request when it is allowed. Raises: errors.Held, and what the session raises."""
        self._await_turn()
        # Asked after the wait for a turn, which may have used up the lease.
        if not self._may_call():
            raise errors.RetryLater(code="no_time_left")
        try:
            reply = self._inner.send(request)
        except errors.OutcomeUnknown:
            if self._counts_silence:
                self._note(is_well=False)
            raise
        except errors.RetryLater as err:
            if err.code not in _OURS:
                self._note(is_well=False)
            raise
        if reply.status == 429:
            pause = retry_after(reply.headers) or _UNTOLD_PAUSE
            _told(lambda: self._quota.close(pause))
        # Whoever refuses is up: what is wrong with a request says nothing of the vendor.
        self._note(is_well=reply.status < 500)
        self._keep_to(self._limits(reply))
        return reply

    def _keep_to(self, limits: Limits | None) -> None:
        """Note what the vendor says of its limits; over the day's budget, the request was not taken."""
        if limits is None:
            return
        _told(lambda: self._quota.correct(limits))
        if limits.is_over and limits.daily_remaining == 0:
            raise errors.Held("daily_quota", after=_asked(self._quota.rest) or _UNTOLD_DAY)

    def _note(self, *, is_well: bool) -> None:
        _told(lambda: self._breaker.note(is_well=is_well))

    def _await_turn(self) -> None:
        ends_at = time.monotonic() + self._patience
        while True:
            because, seconds = "breaker", _asked(self._breaker.wait)
            if not seconds:
                because, seconds = "daily_quota", _asked(self._quota.rest)
            if not seconds:
                # Last, as it is used up by asking: nothing after it may keep the request from going out.
                because, seconds = "quota", _asked(self._quota.take)
            if not seconds:
                return
            if time.monotonic() + seconds > ends_at:
                raise errors.Held(because, after=seconds)
            time.sleep(seconds)


def _asked(question: Callable[[], float]) -> float:
    """Return the seconds to wait; none where the shared counters can't be asked: deliveries go on without them."""
    try:
        return question()
    except Exception as err:  # noqa: BLE001 (every cache client fails in its own way)
        log.warning("guard.counters_unavailable", error=type(err).__name__)
        return 0.0


def _told(note: Callable[[], None]) -> None:
    try:
        note()
    except Exception as err:  # noqa: BLE001 (as above)
        log.warning("guard.counters_unavailable", error=type(err).__name__)
