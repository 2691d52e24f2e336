"""Redis as the broker: dramatiq's, with a consumer that waits where its own asks again and again."""

from typing import Any

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer

# How long a Redis is waited at for a message: within this time a worker shows that it lives, and can end.
_WAIT_SECONDS = 1.0
# And how long its consumer rests after that.
_REST_MS = 1


class _WaitingConsumer(_RedisConsumer):  # type: ignore[misc]
    """Waits at its server until there is a message; dramatiq's own asks again and again, and rests in between."""

    def __next__(self) -> Any:
        if not self.message_cache and self.outstanding_message_count < self.prefetch:
            queue = f"{self.broker.namespace}:{self.queue_name}"
            try:
                # Takes the first message and puts it back where it was: a look that waits.
                self.broker.client.blmove(queue, queue, _WAIT_SECONDS, src="LEFT", dest="LEFT")
            except redis.ConnectionError as err:
                raise dramatiq.ConnectionClosed(err) from None
        return super().__next__()


class WaitingRedisBroker(RedisBroker):  # type: ignore[misc]
    """A Redis whose consumer waits."""

    @property
    def consumer_class(self) -> type[dramatiq.Consumer]:
        return _WaitingConsumer

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> dramatiq.Consumer:
        return super().consume(queue_name, prefetch, min(timeout, _REST_MS))
