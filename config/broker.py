"""The message broker, from `BROKER_URL`; without one, a broker inside the worker's own process."""

import dramatiq
from django.conf import settings
from django.db import close_old_connections
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import Middleware, ShutdownNotifications, TimeLimit


class DatabaseConnections(Middleware):
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
    """Return the configured broker. Retries are not among its middleware: the database has the schedule."""
    url, middleware = settings.BROKER_URL, [TimeLimit(), ShutdownNotifications(), DatabaseConnections()]
    if not url:
        return StubBroker(middleware=middleware)
    if url.startswith(("redis://", "rediss://", "unix://")):
        return RedisBroker(url=url, middleware=middleware)
    return RabbitmqBroker(url=url, confirm_delivery=True, middleware=middleware)
