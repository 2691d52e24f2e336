"""A worker holds no more than its work takes: no pages, no client of a broker that isn't there."""

import subprocess
import sys
from base64 import urlsafe_b64encode

from tests.demo import ROOT, environment

PAGES = {"config.urls", "config.admin_site", "gateway.admin", "integrations.admin", "leads.admin", "unfold.admin"}
ANSWERS = {"rest_framework.serializers", "rest_framework.views", "oauth2_provider.views", "requests"}
BROKERS = {"redis", "pika"}
VENDORS = "integrations.providers.shopify.provider"

AS_A_WORKER = """
import sys, django
django.setup()
import config.alerts, config.management.commands.worker
from runtime import jobs
jobs.kinds()
print("\\n".join(sys.modules))
"""


def test_a_worker_loads_no_pages_no_vendor_unasked_and_no_broker_it_does_not_use(tmp_path):
    own = {
        "SECRET_KEY": "light-0123456789-0123456789-0123456789-0123456789",
        "ENCRYPTION_KEYS": urlsafe_b64encode(bytes(32)).decode(),
        "DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        **dict.fromkeys(("DATABASE_URL", "BROKER_URL", "CACHE_URL"), ""),
    }
    command = [sys.executable, "-c", AS_A_WORKER]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(**own), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "leads.exports.jobs" in loaded
    assert not loaded & (PAGES | ANSWERS | BROKERS | {VENDORS})
