"""The message broker, from `BROKER_URL`; without one, a broker inside the worker's own process."""

import dramatiq
from django.conf import settings
from django.db import close_old_connections
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import Middleware, ShutdownNotifications, TimeLimit

from config.env import SettingError

# Consumers of Redis back off up to their time-out when idle, and that is how long a hint may lie there; the others wait
# for a message itself.
_LONGEST_PAUSE_MS = 50


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


class _Redis(RedisBroker):  # type: ignore[misc]
    """Asks its server for new messages often; the worker's own threads need not turn as often as that."""

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> dramatiq.Consumer:
        return super().consume(queue_name, prefetch, min(timeout, _LONGEST_PAUSE_MS))


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
