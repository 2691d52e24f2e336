"""`python -m integrations.sandbox --host 127.0.0.1 --port 8791 --data var/sandbox.sqlite3`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from integrations.sandbox.server import Sandbox


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m integrations.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: only this machine)")
    parser.add_argument("--port", type=int, default=8791, help="port to listen on; 0 takes a free one")
    parser.add_argument("--data", default="var/sandbox.sqlite3", help="file that keeps the state")
    arguments = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        sandbox = Sandbox(arguments.host, arguments.port, arguments.data)
    except OSError as err:
        print(f"sandbox can't listen on {arguments.host}:{arguments.port}: {err.strerror}", file=sys.stderr)
        return 1
    with sandbox:
        print(f"sandbox ready on {sandbox.url}", flush=True)
        stopped.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
