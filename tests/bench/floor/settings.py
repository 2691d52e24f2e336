"""Settings of the floor: the product's own database options (durability with them), and nothing that isn't needed."""

import os
from pathlib import Path

from config.env import database

SECRET_KEY = "signs nothing"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
DATABASES = {"default": database(os.environ.get("DATABASE_URL", ""), Path(os.environ["DATA_DIR"]))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["tests.bench.floor"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "tests.bench.floor.urls"
USE_TZ = True
