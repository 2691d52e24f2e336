"""Accepted means delivered, whatever dies in between: the worker in mid-delivery, then everything at once."""

import os
import random
import signal
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import uuid4

import pytest

from tests.demo import DemoServer, wait_for

pytestmark = [
    pytest.mark.broker,
    pytest.mark.db,
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc"),
]

LEADS = 500
CALLERS = 12
# The lease is an installation's sixty seconds made short: what a killed worker held comes back sooner.
LEASE_SECONDS = 4
DELIVERED_SECONDS = 150.0


class Chatbots:
    """Callers that send leads at once and, like any good client, send again with the same key until they hear 2xx."""

    def __init__(self, server):
        self._server = server
        self._pool = ThreadPoolExecutor(CALLERS)
        self.accepted = {}
        self._ends_at = time.monotonic() + 300

    def send(self, emails):
        return [self._pool.submit(self._send, email) for email in emails]

    def _send(self, email):
        key = str(uuid4())
        while True:
            assert time.monotonic() < self._ends_at, f"{email} was not accepted"
            with suppress(OSError, ValueError):
                reply = self._server.api("POST", "/v1/leads", {"email": email}, **{"Idempotency-Key": key})
                if reply.status in {200, 201}:
                    self.accepted[email] = reply.body["id"]
                    return
                assert reply.status in {409, 429, 503}, reply
            time.sleep(0.2)


def _worker(server):
    return wait_for(lambda: server.pids().get("worker"), "a worker")


def _kill_in_delivery(server, when):
    """Have the vendor kill the worker at a moment of its next delivery; the answer waits until it has."""
    worker = _worker(server)
    server.sandbox.fault(vendor="hubspot", path="/crm", kill={"pid": worker, "when": when}, count=1)
    return lambda: wait_for(lambda: server.pids().get("worker") != worker, f"a worker killed when {when}", 90)


def _kill_at_random(server):
    """Kill the worker somewhere in what it does; the answer does it."""
    worker = _worker(server)

    def kill():
        time.sleep(random.uniform(0, 0.5))
        os.kill(worker, signal.SIGKILL)

    return kill


def test_every_accepted_lead_arrives_once_whatever_dies():
    emails = [f"lead-{number:03}@example.com" for number in range(LEADS)]
    with DemoServer(JOB_LEASE_SECONDS=str(LEASE_SECONDS)) as server:
        # The limit of one chatbot is not what is looked at here.
        server.write("UPDATE gateway_client SET rate_per_minute = 1000000")
        chatbots = Chatbots(server)
        deaths = [
            lambda: _kill_in_delivery(server, "received"),
            lambda: _kill_in_delivery(server, "committed"),
            lambda: _kill_in_delivery(server, "answered"),
            lambda: _kill_at_random(server),
        ]
        share = LEADS // (len(deaths) + 1)
        for number, die in enumerate(deaths):
            is_dead = die()
            sent = chatbots.send(emails[number * share : (number + 1) * share])
            is_dead()
            for each in sent:
                each.result(120)

        # The rest is on its way in when everything ends at once.
        sent = chatbots.send(emails[len(deaths) * share :])
        wait_for(lambda: len(chatbots.accepted) > len(deaths) * share + 10, "some of the last leads accepted")
        server.kill_everything()
        server.start()
        for each in sent:
            each.result(120)

        assert chatbots.accepted.keys() == set(emails)
        leads = _wait_until_delivered(server, chatbots.accepted)
        contacts = Counter(row["properties"]["email"] for row in server.sandbox.contacts())

        assert contacts == Counter(emails)
        assert {lead["email"] for lead in leads} == set(emails)
        assert _external_ids(leads) == {row["properties"]["email"]: row["id"] for row in server.sandbox.contacts()}
        assert len(server.rows("SELECT id FROM leads_lead")) == LEADS


def _wait_until_delivered(server, accepted):
    """Ask for every accepted lead until its delivery has arrived; a lead or delivery that is missing fails."""
    done = {}
    ends_at = time.monotonic() + DELIVERED_SECONDS
    while open_leads := accepted.keys() - done.keys():
        for email in sorted(open_leads):
            lead = server.lead(accepted[email])
            assert len(lead["deliveries"]) == 1, lead
            if lead["deliveries"][0]["state"] != "delivered":
                assert time.monotonic() < ends_at, f"it did not arrive: {lead}"
                time.sleep(0.2)
                break
            done[email] = lead
    return list(done.values())


def _external_ids(leads):
    return {lead["email"]: lead["deliveries"][0]["external_id"] for lead in leads}
