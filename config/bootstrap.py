"""Makes the environment: a suitable Python, a virtual environment, the pinned packages.

Run by make before anything is installed, perhaps by an old Python: the standard library only, and syntax that any
Python 3 can read, so that it can say what is missing.

    python3 config/bootstrap.py production|development
"""

import hashlib
import os
import subprocess
import sys
import time

OLDEST = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin", "python")


def stop(message):
    """End with one line that says what to do."""
    sys.stderr.write("error: " + message + "\n")
    sys.exit(1)


def run(arguments):
    """Run a command quietly; return its exit code and the end of what it said."""
    try:
        done = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = done.communicate()[0].decode("utf-8", "replace").strip()
    except OSError as err:
        return 1, str(err)
    return done.returncode, said[-2000:]


def step(words, arguments, advice):
    """Run one step with a progress line; stop with advice where it fails."""
    started = time.time()
    sys.stdout.write("  " + words + " …")
    sys.stdout.flush()
    code, said = run(arguments)
    sys.stdout.write(" %.0f s\n" % (time.time() - started))
    sys.stdout.flush()
    if code:
        sys.stderr.write(said + "\n")
        stop(advice)


def attempt(words, arguments):
    """Run one step with a progress line; tell whether it worked."""
    started = time.time()
    sys.stdout.write("  " + words + " …")
    sys.stdout.flush()
    code = run(arguments)[0]
    sys.stdout.write(" %s %.0f s\n" % ("failed after" if code else "", time.time() - started))
    return code == 0


def suitable_python():
    """Return this Python where it is new enough, else one that is found by name."""
    if sys.version_info >= OLDEST:
        return sys.executable
    asks = "import sys; sys.exit(sys.version_info < (%d, %d))" % OLDEST
    for name in ("python3.13", "python3.12", "python3.11"):
        if run([name, "-c", asks])[0] == 0:
            return name
    stop(
        "Python %d.%d or newer is needed, this is %d.%d: install one (Debian: apt-get install python3), "
        "or name it: make run PYTHON=/path/to/python3" % (OLDEST + tuple(sys.version_info[:2]))
    )


def make_environment():
    """Create .venv unless a working one is there."""
    if os.path.exists(PYTHON) and run([PYTHON, "-m", "pip", "--version"])[0] == 0:
        return
    python = suitable_python()
    if run([python, "-c", "import venv, ensurepip"])[0]:
        stop("Python's venv module is missing: install it (Debian: apt-get install python3-venv), then run this again.")
    step(
        "Creating the environment",
        [python, "-m", "venv", "--clear", VENV],
        "The folder .venv could not be made: see above; is this folder writable, and the disk not full?",
    )


def install(name):
    """Install the packages of one requirements file, unless they are installed already."""
    path = os.path.join(ROOT, "requirements", name + ".txt")
    with open(path, "rb") as file:
        wanted = hashlib.sha256(file.read()).hexdigest()
    stamp = os.path.join(VENV, ".installed-" + name)
    if os.path.exists(stamp):
        with open(stamp) as file:
            if file.read() == wanted:
                return
    advice = "The packages could not be installed: see above; is the package registry reachable from here?"
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"]
    installer = os.path.join(ROOT, "requirements", "installer.txt")
    # uv takes seconds where pip takes a minute; where it can't be had or can't reach the registry, pip does the same:
    # it alone reads pip's own configuration (a company's mirror, its certificates).
    os.environ.setdefault("UV_SYSTEM_CERTS", "1")
    fast = [PYTHON, "-m", "uv", "pip", "install", "--quiet", "--python", PYTHON, "--require-hashes", "-r"]
    if run(pip + [installer])[0] or not attempt("Installing packages", fast + [path]):
        step("Installing packages with pip (this takes a minute or two)", pip + [path], advice)
    with open(stamp, "w") as file:
        file.write(wanted)


if __name__ == "__main__":
    make_environment()
    install(sys.argv[1])
