"""The message broker, from `BROKER_URL`; without one, a broker inside the worker's own process."""

import dramatiq
from django.conf import settings
from django.db import close_old_connections
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import Middleware, ShutdownNotifications, TimeLimit

from config.env import SettingError


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


def build() -> dramatiq.Broker:
    """Return the configured broker. Retries are not among its middleware: the database has the schedule.

    Raises: SettingError.
    """
    url, middleware = settings.BROKER_URL, [TimeLimit(), ShutdownNotifications(), DatabaseConnections()]
    if not url:
        return StubBroker(middleware=middleware)
    # Each brings a client along that takes megabytes in every process; only the one that is used is loaded.
    try:
        if url.startswith(("redis://", "rediss://", "unix://")):
            from config.redis_broker import WaitingRedisBroker

            return WaitingRedisBroker(url=url, middleware=middleware)
        if url.startswith(("amqp://", "amqps://")):
            from dramatiq.brokers.rabbitmq import RabbitmqBroker

            return RabbitmqBroker(url=url, confirm_delivery=True, middleware=middleware)
    except ValueError as err:
        raise SettingError(f"BROKER_URL cannot be read: {err}") from err
    raise SettingError("BROKER_URL must start with amqp://, amqps://, redis://, rediss:// or unix://")
