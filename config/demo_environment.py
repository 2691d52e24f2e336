"""The demo's own environment: secrets made once and kept beside its data, loopback only.

Read before Django's settings: the standard library only.
"""

import base64
import os
import secrets
import socket
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_LOOPBACK = "127.0.0.1"


class CannotPrepare(Exception):
    """The demo can't start here; the message says what to do."""


def data_dir() -> Path:
    """Return the folder of the demo's data."""
    return Path(os.environ.get("DATA_DIR") or _ROOT / "var").resolve()


def prepare() -> None:
    """Set the environment for the demo, making its secrets at the first run. Raises: CannotPrepare."""
    folder = data_dir()
    values = _read(folder)
    values.setdefault("SECRET_KEY", secrets.token_urlsafe(50))
    values.setdefault("ENCRYPTION_KEYS", base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    values.setdefault("SANDBOX_PORT", str(free_port()))
    _write(folder, values)
    os.environ.update(values, DEMO_MODE="1", DATA_DIR=str(folder))
    # The demo is for this machine: its keys and its admin are printed on the screen.
    os.environ["HOST"] = _LOOPBACK
    os.environ["ALLOWED_HOSTS"] = "localhost,127.0.0.1,[::1]"
    os.environ["EGRESS_ALLOW"] = f"{_LOOPBACK}:{values['SANDBOX_PORT']}"


def move_sandbox() -> str:
    """Choose another port for the sandbox: something else has taken the old one."""
    folder = data_dir()
    values = _read(folder) | {"SANDBOX_PORT": str(free_port())}
    _write(folder, values)
    prepare()
    return values["SANDBOX_PORT"]


def free_port() -> int:
    """Return a port of this machine that nothing uses now."""
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


def obstacle(port: int, host: str = _LOOPBACK) -> str:
    """Return why no program can listen there now; empty where one can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as err:
            return str(err.strerror)
        except OverflowError:
            return "a port is a number up to 65535"
    return ""


def _read(folder: Path) -> dict[str, str]:
    file = folder / "secrets.env"
    try:
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    except OSError as err:
        raise CannotPrepare(f"{file} cannot be read: {err.strerror}. Set DATA_DIR to a folder of yours.") from err
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _write(folder: Path, values: dict[str, str]) -> None:
    text = "".join(f"{name}={value}\n" for name, value in sorted(values.items()))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / "secrets.env", text)
    except OSError as err:
        advice = "Set DATA_DIR to a folder you may write to, such as DATA_DIR=$HOME/shopbotly make run."
        raise CannotPrepare(f"{folder} cannot be written: {err.strerror}. {advice}") from err


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads; it is there whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
