"""Runs a program that ends with whoever started it, even if that one is killed (Linux; elsewhere it just runs it).

python -m runtime.tether STARTER PROGRAM [ARGUMENT …]
"""

import ctypes
import os
import signal
import sys

# Source: prctl(2), PR_SET_PDEATHSIG; it survives execve.
_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    # Told, not asked for: whoever is killed before this line has run is our parent no more.
    starter, *program = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(starter):
            sys.exit(0)
    os.execv(program[0], program)  # noqa: S606 (the program is named by our own supervisor)
