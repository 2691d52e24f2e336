"""Figures for Prometheus, added up over all processes of this machine.

Each process keeps its counters in files of its own (PROMETHEUS_MULTIPROC_DIR, set by the settings before anything
counts); whoever is asked for the figures adds the files up. What the database knows is asked of it at that moment.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

logger = logging.getLogger(__name__)

Gauges = Callable[[], Iterable[GaugeMetricFamily]]

_gauges: list[Gauges] = []


def register(gauges: Gauges) -> None:
    """Have figures asked for whenever somebody wants them; called once by an app as it gets ready."""
    _gauges.append(gauges)


def text() -> bytes:
    """Return all figures in Prometheus' text form."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, settings.METRICS_DIR)  # type: ignore[no-untyped-call]
    registry.register(_Asked())
    return generate_latest(registry)


def forget_dead_processes() -> None:
    """Begin anew: no process of ours runs yet, and the figures of those that ran before have been read."""
    for file in Path(settings.METRICS_DIR).glob("*.db"):
        file.unlink(missing_ok=True)


class _Asked(Collector):
    """What is asked of the database and the cache."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for gauges in _gauges:
            try:
                yield from list(gauges())
            except DatabaseError as err:
                # The counters are told nevertheless: they say most when something is down.
                logger.warning("Figures are missing: the database does not answer.", exc_info=err)
