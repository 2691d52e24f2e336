"""Typed reading of the environment; every setting of an installation goes through here."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit


class SettingError(ValueError):
    """A setting can't be used as it is; the message names it and says what to do."""


def load_file(path: Path) -> None:
    """Take settings from a file of `NAME=value` lines, where the environment doesn't hold them already."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        name, found, value = line.partition("=")
        if found and not line.startswith("#") and f"{name}_FILE" not in os.environ:
            os.environ.setdefault(name.strip(), value.strip())


def env_str(name: str, default: str = "") -> str:
    """Return a setting; `NAME_FILE` names a file that holds it instead (a mounted secret).

    Raises: SettingError where that file cannot be read.
    """
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return os.environ.get(name, default)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as err:
        raise SettingError(f"{name}_FILE names {path}, which cannot be read: {err}") from err


def env_bool(name: str, default: bool = False) -> bool:
    """Return a yes/no setting: 1, true, yes, on count as yes."""
    value = os.environ.get(name)
    return default if value is None else value.strip().lower() in {"1", "true", "yes", "on"}


def env_int(name: str, default: int) -> int:
    """Return a whole number. Raises: SettingError that names the setting."""
    value = os.environ.get(name, "")
    try:
        return int(value) if value else default
    except ValueError as err:
        raise SettingError(f"{name} must be a whole number, not {value!r}") from err


def env_list(name: str, default: str = "") -> list[str]:
    """Return a comma-separated setting as a list, blanks dropped."""
    return [part.strip() for part in env_str(name, default).split(",") if part.strip()]


def private_folder(path: str | Path) -> Path:
    """Return a folder that others can't look into, made where it is missing; a system check says if it can't be."""
    folder = Path(path)
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


SQLITE = "django.db.backends.sqlite3"


def database(url: str, data_dir: Path) -> dict[str, object]:
    """Return Django's DATABASES entry for `postgresql://user:password@host:port/name` or `sqlite:///path`.

    Four slashes make a path absolute; without a URL it is a file in `data_dir`.
    Raises: SettingError for any other scheme, or a port that is no number.
    """
    if not url:
        return sqlite(data_dir / "shopbotly.sqlite3")
    try:
        parts = urlsplit(url)
        port = str(parts.port or "")
    except ValueError as err:
        raise SettingError(f"DATABASE_URL cannot be read: {err}") from err
    if parts.scheme == "sqlite":
        return sqlite(Path(unquote(parts.path[1:])))
    if parts.scheme not in {"postgres", "postgresql"}:
        raise SettingError("DATABASE_URL must start with postgresql:// or sqlite:///")
    return {
        "ENGINE": "runtime.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": port,
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }


_MAIL_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def mail(url: str) -> dict[str, object]:
    """Return Django's EMAIL_… settings for `smtp+starttls://user:password@host:port`; without a URL none is sent.

    `smtps` is TLS from the start, `smtp` has none. Raises: SettingError for any other scheme, or without a host.
    """
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as err:
        raise SettingError(f"EMAIL_URL cannot be read: {err}") from err
    if parts.scheme not in _MAIL_PORTS or not parts.hostname:
        raise SettingError("EMAIL_URL must look like smtp+starttls://user:password@mail.example.com:587")
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port or _MAIL_PORTS[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp+starttls",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_TIMEOUT": 15,
    }


def fingerprint(*parts: str) -> str:
    """Return a short name for what the parts name together."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


def sqlite(path: Path) -> dict[str, object]:
    """Return Django's DATABASES entry for a SQLite file that survives a power cut.

    Immediate transactions, because one that starts by reading and then writes fails at once under load instead of
    waiting its turn.
    """
    return {
        "ENGINE": SQLITE,
        "NAME": str(path),
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            # Each thread keeps statements it has read, by their text, and a list of 37 ids is another text than one of
            # 36: of 128, what Python keeps, most are never met again, and they take 1 MB in each thread.
            "cached_statements": 32,
            # Each thread has a connection and each connection a cache of its own, which grows with the file. The
            # system caches the file anyway: 1 MB is as fast as 16, and a process has many threads.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-1000; "
            # What is deleted is overwritten: an erased person must not stand in the free space of the file.
            "PRAGMA secure_delete=ON;",
        },
    }
