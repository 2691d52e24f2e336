"""Settings of the test runs: the product's own, with keys made up here and the databases the environment names."""

import atexit
import os
import shutil
import tempfile

os.environ.setdefault("SECRET_KEY", "tests-only-0123456789-0123456789-0123456789-0123456789")
os.environ.setdefault("ENCRYPTION_KEYS", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
if "DATA_DIR" not in os.environ:
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="shopbotly-tests-")
    atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)
os.environ.setdefault("DEMO_MODE", "1")

from config.settings import *  # noqa: F403

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A real file: threads and processes meet in it as they do in an installation.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}  # noqa: F405
elif "TEST_DATABASE" in os.environ:
    # Runs that go on side by side each have one of their own.
    DATABASES["default"]["TEST"] = {"NAME": os.environ["TEST_DATABASE"]}  # noqa: F405

# What a process remembers for two seconds would outlive a test; the slow hash of client secrets buys nothing here.
KEY_CACHE_SECONDS = 0.0
REQUEST_LOG_WRITER = "inline"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
