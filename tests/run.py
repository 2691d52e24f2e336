"""`make test`: the whole suite on the embedded default, then what must be the same elsewhere on the servers named.

TEST_DATABASE_URL, TEST_BROKER_URL (one or several, separated by spaces) and TEST_CACHE_URL name them; nothing is ever
tried on a server that nobody named. With REQUIRE_SERVICES=1 a missing one is a failure.
"""

import os
import subprocess
import sys
import time

# Scenarios share one installation and can disturb each other; they are run by `make faults`.
_APART = "--ignore=tests/faults"
_OTHER = ("DATABASE_URL", "BROKER_URL", "CACHE_URL")


def main() -> int:
    embedded = {name: value for name, value in os.environ.items() if name not in _OTHER}
    code = _run("SQLite, embedded broker", embedded, [*sys.argv[1:], "-m", "not conformance"])
    database, brokers = os.environ.get("TEST_DATABASE_URL"), os.environ.get("TEST_BROKER_URL", "").split()
    if not (database and brokers):
        print("skipped: PostgreSQL with a broker, because TEST_DATABASE_URL and TEST_BROKER_URL name none", flush=True)
        return code or int(os.environ.get("REQUIRE_SERVICES") == "1")
    for position, broker in enumerate(brokers):
        named = embedded | {"DATABASE_URL": database, "BROKER_URL": broker}
        named["CACHE_URL"] = os.environ.get("TEST_CACHE_URL", "")
        # The database's own behaviour does not depend on the broker: it is looked at once.
        which = "(db or broker) and not conformance" if position == 0 else "broker and not conformance"
        scheme = broker.partition(":")[0]
        code = _run(f"PostgreSQL, {scheme}", named, [*sys.argv[1:], "-m", which]) or code
    return code


def _run(name: str, environment: dict[str, str], arguments: list[str]) -> int:
    print(f"== {name}", flush=True)
    started = time.monotonic()
    code = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", _APART, *arguments], env=environment, check=False
    ).returncode
    print(f"== {name}: {'passed' if code == 0 else 'FAILED'} in {time.monotonic() - started:.0f} s", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
