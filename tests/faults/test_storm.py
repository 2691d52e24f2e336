"""Everything at once, in an order drawn from a seed: FAULTS_SECONDS long, FAULTS_SEED to see the same again."""

import os
import random
import secrets
import signal
import time
from collections import Counter
from contextlib import suppress

import pytest

from tests.demo import wait_for
from tests.faults.callers import Callers

pytestmark = pytest.mark.broker

SECONDS = float(os.environ.get("FAULTS_SECONDS", 8))
SEED = os.environ.get("FAULTS_SEED") or ("1" if "FAULTS_SECONDS" not in os.environ else secrets.token_hex(4))


@pytest.mark.parametrize("seed", [SEED])
def test_a_storm_of_faults_under_load_breaks_no_promise(house, seed):
    """Guards: all of the others'. Red with any of them off, sooner or later."""
    chance = random.Random(seed)
    faults = [_kill, _end, _stand_still, _vendor, _kill_on_receive]
    faults += [_broker] if house.servers.broker else []
    faults += [_database] if house.servers.postgres else []
    done, ends_at = Counter(), time.monotonic() + SECONDS
    with Callers(house, seed=seed):
        house.another_worker()
        while time.monotonic() < ends_at:
            fault = chance.choice(faults)
            print(f"{time.monotonic() - ends_at + SECONDS:6.1f} s {fault.__name__}", flush=True)
            fault(house, chance)
            done[fault.__name__.strip("_")] += 1
            time.sleep(chance.uniform(0, 1))
        house.sandbox.clear_faults()
    house.forget_trouble()

    house.check(seconds=120)
    print(
        f"{len(house.history.promised)} leads accepted, {len(house.effects())} effects, {done.total()} faults: {done}"
    )


def _kill(house, chance):
    """One program dies."""
    _signal(house, chance, signal.SIGKILL)


def _end(house, chance):
    """One program is replaced."""
    _signal(house, chance, signal.SIGTERM)


def _signal(house, chance, number):
    role = chance.choice(["web", "worker", "worker", "sandbox"])
    if role in house.pids():
        house.restart(role, number)


def _stand_still(house, chance):
    """The worker stands still, in one of two cases for longer than its lease."""
    if worker := house.pids().get("worker"):
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGSTOP)
            time.sleep(chance.choice([0.5, 5]))
            os.kill(worker, signal.SIGCONT)


def _vendor(house, chance):
    """The vendor answers a few requests in a bad way."""
    bad = [
        {"status": 503},
        {"status": 500, "body": "{"},
        {"status": 429, "retry_after": "1"},
        {"status": 429, "retry_after": "soon"},
        {"reset": "before"},
        {"reset": "after"},
        {"garbage": True},
        {"hang": "after"},
        {"drip": {"bytes_per_second": 100}},
        {"batch_conflict": True},
    ]
    _ask_sandbox(lambda: house.sandbox.fault(vendor="hubspot", count=chance.randrange(1, 4), **chance.choice(bad)))


def _kill_on_receive(house, chance):
    """The vendor's next request costs the worker its life."""
    if worker := house.pids().get("worker"):
        kill = {"pid": worker, "when": chance.choice(["received", "committed", "answered"])}
        _ask_sandbox(lambda: house.sandbox.fault(vendor="hubspot", kill=kill, count=1))


def _broker(house, chance):
    """The broker forgets everything, or is away for a while."""
    if chance.random() < 0.5:
        house.servers.broker.wipe()
        return
    house.servers.broker.down()
    time.sleep(chance.uniform(0.5, 3))
    house.servers.broker.up()


def _database(house, chance):
    """The database restarts, gently or not."""
    house.servers.postgres.end(chance.choice([signal.SIGINT, signal.SIGQUIT]))
    house.servers.postgres.start()


def _ask_sandbox(ask):
    """Ask the sandbox, also while it is being started again."""

    def answered():
        try:
            ask()
        except OSError:
            return False
        return True

    wait_for(answered, "a sandbox that answers")
