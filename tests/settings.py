"""Settings of the test runs: the product's own, with keys made up here and the databases the environment names."""

import os
import tempfile

os.environ.setdefault("SECRET_KEY", "tests-only-0123456789-0123456789-0123456789-0123456789")
os.environ.setdefault("ENCRYPTION_KEYS", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="shopbotly-tests-"))
os.environ.setdefault("DEMO_MODE", "1")

from config.settings import *  # noqa: F403

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A real file: threads and processes meet in it as they do in an installation.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}  # noqa: F405

# What a process remembers for two seconds would outlive a test; the slow hash of client secrets buys nothing here.
KEY_CACHE_SECONDS = 0.0
REQUEST_LOG_WRITER = "inline"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
