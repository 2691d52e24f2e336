"""The message broker, from `BROKER_URL`; without one, a broker inside the worker's own process."""

from typing import Any

import dramatiq
import redis
from django.conf import settings
from django.db import close_old_connections
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import Middleware, ShutdownNotifications, TimeLimit

from config.env import SettingError

# How long a Redis is waited at for a message: within this time a worker shows that it lives, and can end.
_WAIT_SECONDS = 1.0
# And how long its consumer rests after that.
_REST_MS = 1


class DatabaseConnections(Middleware):  # type: ignore[misc]
    """Lets go of a database connection that broke, before and after each message."""

    def before_process_message(self, broker: dramatiq.Broker, message: dramatiq.Message) -> None:
        close_old_connections()

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: dramatiq.Message,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        close_old_connections()


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


class _Redis(RedisBroker):  # type: ignore[misc]
    @property
    def consumer_class(self) -> type[dramatiq.Consumer]:
        return _WaitingConsumer

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> dramatiq.Consumer:
        return super().consume(queue_name, prefetch, min(timeout, _REST_MS))


def build() -> dramatiq.Broker:
    """Return the configured broker. Retries are not among its middleware: the database has the schedule.

    Raises: SettingError.
    """
    url, middleware = settings.BROKER_URL, [TimeLimit(), ShutdownNotifications(), DatabaseConnections()]
    if not url:
        return StubBroker(middleware=middleware)
    try:
        if url.startswith(("redis://", "rediss://", "unix://")):
            return _Redis(url=url, middleware=middleware)
        if url.startswith(("amqp://", "amqps://")):
            return RabbitmqBroker(url=url, confirm_delivery=True, middleware=middleware)
    except ValueError as err:
        raise SettingError(f"BROKER_URL cannot be read: {err}") from err
    raise SettingError("BROKER_URL must start with amqp://, amqps://, redis://, rediss:// or unix://")
