"""An SQLite file with every table and no rows but those of the migrations, made once per state of the migrations.

Migrating takes seconds of processor time; copying takes none. Who tests migrating itself doesn't use it.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_KEPT = ROOT / ".test_cache"
_SETTINGS = {
    "SECRET_KEY": "tests-only-0123456789-0123456789-0123456789-0123456789",
    "ENCRYPTION_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "DEMO_MODE": "1",
}


def copy_to(file: Path) -> None:
    """Put a copy there."""
    _KEPT.mkdir(exist_ok=True)
    made = _KEPT / f"migrated-{_state()}.sqlite3"
    with (_KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            _make(made)
    shutil.copyfile(made, file)


def _state() -> str:
    """Return a digest of what decides the tables."""
    digest = hashlib.sha256(sys.version.encode())
    decisive = [*ROOT.glob("*/migrations/*.py"), *ROOT.glob("requirements/*.txt"), ROOT / "config" / "settings.py"]
    for file in sorted(decisive):
        digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _make(made: Path) -> None:
    for old in _KEPT.glob("migrated-*.sqlite3"):
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="shopbotly-migrated-") as folder:
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v0"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "DATA_DIR": folder, **_SETTINGS},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        draft = made.with_suffix(".draft")
        shutil.copyfile(Path(folder) / "shopbotly.sqlite3", draft)
        draft.replace(made)
