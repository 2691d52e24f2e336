"""Runs a program that ends with whoever started it, even if that one is killed (Linux; elsewhere it just runs it).

python -m config.tether PROGRAM [ARGUMENT …]
"""

import ctypes
import os
import signal
import sys

# Source: prctl(2), PR_SET_PDEATHSIG; it survives execve.
_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    starter = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != starter:
            sys.exit(0)
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 (the program is named by our own supervisor)
