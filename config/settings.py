"""All settings, from the environment (docs/settings.md lists them); mis-settings are system checks (config.checks)."""

import os
from pathlib import Path

from config.env import (
    SQLITE,
    database,
    env_bool,
    env_int,
    env_list,
    env_str,
    fingerprint,
    load_file,
    mail,
    private_folder,
)

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

DEMO_MODE = env_bool("DEMO_MODE")
DATA_DIR = private_folder(env_str("DATA_DIR") or BASE_DIR / "var")
if DEMO_MODE:
    load_file(DATA_DIR / "secrets.env")  # written by `manage.py up --demo`
DEBUG = False
SECRET_KEY = env_str("SECRET_KEY")
ENCRYPTION_KEYS = env_list("ENCRYPTION_KEYS")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]" if DEMO_MODE else "")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
TRUSTED_PROXIES = env_list("TRUSTED_PROXIES")
EGRESS_ALLOW = env_list("EGRESS_ALLOW")

# Hashes by which erased people and the addresses of consents are recognised; kept where SECRET_KEY changes.
PERSON_HASH_KEY = env_str("PERSON_HASH_KEY") or SECRET_KEY

DATABASES = {"default": database(env_str("DATABASE_URL"), DATA_DIR)}
# Installations that share a broker or a cache must not take each other's hints and counters.
INSTALLATION = fingerprint(*(str(DATABASES["default"].get(name, "")) for name in ("HOST", "PORT", "NAME")))
BROKER_URL = env_str("BROKER_URL")
CACHE_URL = env_str("CACHE_URL")
METRICS_NETWORKS = env_list("METRICS_NETWORKS")
METRICS_TOKEN = env_str("METRICS_TOKEN")
# Read by the Prometheus library, at its first import: where each process keeps its counters.
METRICS_DIR = str(private_folder(os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(DATA_DIR / "metrics"))))
_counters = str(DATA_DIR / "counters.sqlite3")
CACHES: dict[str, dict[str, object]] = {
    "default": {"BACKEND": "runtime.cache.FileCache", "LOCATION": _counters},
    "limits": {"BACKEND": "runtime.counters.FileCounters", "LOCATION": _counters},
}
RATELIMIT_USE_CACHE = "limits"
if CACHE_URL:
    # A server that hangs must not hang a request: without an answer, limits fail open.
    _redis: dict[str, object] = {
        "LOCATION": CACHE_URL,
        "KEY_PREFIX": INSTALLATION,
        "OPTIONS": {"socket_timeout": 1.0, "socket_connect_timeout": 1.0},
    }
    CACHES = {
        "default": {"BACKEND": "runtime.cache.RedisCache", **_redis},
        "limits": {"BACKEND": "runtime.counters.RedisCounters", **_redis},
    }

INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "unfold.apps.BasicAppConfig",  # the default one would replace our admin site by its own
    "unfold.contrib.filters",
    "config.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "oauth2_provider",
    "axes",
    "django_otp",
    "auditlog",
    "csp",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "runtime",
    "gateway",
    "integrations",
    "leads",
    "webhooks",
    "engine",
]

MIDDLEWARE = [
    "gateway.middleware.RequestIdMiddleware",
    "gateway.cors.CorsMiddleware",
    "gateway.content_policy.ContentPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "gateway.admin_access.AdminAccessMiddleware",
    # From here on it is for pages; API calls pass untouched (the checks of Django know two of these by name only).
    "gateway.middleware.PagesSessionMiddleware",
    "gateway.middleware.PagesCommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "gateway.middleware.PagesAuthenticationMiddleware",
    "gateway.middleware.PagesMessageMiddleware",
    "gateway.admin_sessions.PagesOTPMiddleware",
    "gateway.admin_sessions.PagesSessionAgeMiddleware",
    "gateway.admin_sessions.PagesAuditMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",  # shows the page of gateway.lockout
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

UNFOLD = {
    "SITE_TITLE": "ShopBotly",
    "SITE_HEADER": "ShopBotly",
    "SITE_SUBHEADER": "Chatbots and your systems",
    "SITE_SYMBOL": "hub",
    "SITE_URL": None,
    "SHOW_BACK_BUTTON": True,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "config.admin_site.environment",
    "DASHBOARD_CALLBACK": "config.dashboard.home",
    "STYLES": ["config.admin_site.stylesheet"],
    "SCRIPTS": ["config.admin_site.script"],
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "config.admin_site.icon"}],
    "ACCOUNT": {"navigation": "config.admin_site.account"},
    "SIDEBAR": {"navigation": "config.admin_site.navigation"},
}

AUTH_USER_MODEL = "gateway.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

AXES_HANDLER = "gateway.lockout.Handler"
AXES_CLIENT_IP_CALLABLE = "gateway.lockout.address_of"
AXES_LOCKOUT_CALLABLE = "gateway.lockout.page"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
AUDITLOG_USE_FK_STRING_REPRESENTATION = True

OAUTH2_PROVIDER_APPLICATION_MODEL = "gateway.Client"
OAUTH2_PROVIDER = {
    "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
    "SCOPES_BACKEND_CLASS": "gateway.oauth.ClientScopes",
    "OAUTH2_VALIDATOR_CLASS": "gateway.oauth.ClientValidator",
    "PKCE_REQUIRED": True,
    # Best current practice (RFC 9700): tokens are stored as digests, the grants it calls unsafe are off.
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    # A person consents anew after a month in which their app was not used.
    "REFRESH_TOKEN_EXPIRE_SECONDS": 30 * 24 * 3600,
    "CLEAR_EXPIRED_TOKENS_BATCH_SIZE": 500,
}

LANGUAGE_CODE = "en"
TIME_ZONE = env_str("TIME_ZONE", "UTC")
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
# Pages are served from the packages themselves: nobody has to remember `collectstatic`.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = not DEMO_MODE
# The API never redirects to HTTPS (the key would already have crossed the wire): gateway refuses it in words.
SECURE_REDIRECT_EXEMPT = [r"^v1/", r"^oauth/(?!authorize)", r"^mcp", r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 0 if DEMO_MODE else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEMO_MODE
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# One process uses one core; whoever runs PostgreSQL has more of them, and the memory (docs/decisions/018).
WEB_PROCESSES = env_int("WEB_PROCESSES", 1 if DATABASES["default"]["ENGINE"] == SQLITE else min(2, os.cpu_count() or 1))
# More threads answer no faster, but less fairly: Python runs one at a time and picks it at random (docs/decisions/014).
WEB_THREADS = env_int("WEB_THREADS", 16)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
API_BODY_MAX_BYTES = env_int("API_BODY_MAX_BYTES", 1_000_000)
# What one visitor of a page may ask: an address with a publishable key, a session with its token.
VISITOR_REQUESTS_PER_MINUTE = env_int("VISITOR_REQUESTS_PER_MINUTE", 30)
WRONG_CREDENTIALS_PER_MINUTE = env_int("WRONG_CREDENTIALS_PER_MINUTE", 30)
# How long a process trusts a key it has just seen; a revoked key must be refused within five seconds.
KEY_CACHE_SECONDS = 2.0
REQUEST_LOG_DAYS = env_int("REQUEST_LOG_DAYS", 30)
REQUEST_LOG_WRITER = "background"  # or "inline", for tests

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["gateway.authentication.ClientAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["gateway.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["gateway.throttling.ClientThrottle"],
    "DEFAULT_PARSER_CLASSES": ["gateway.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "gateway.problems.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "gateway.openapi.Schema",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "ShopBotly",
    "DESCRIPTION": "Chatbots ask, capture leads and receive events here.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SORT_OPERATIONS": False,  # as the addresses stand: what is needed first comes first
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {"DeliveryStateEnum": "integrations.models.Delivery.State"},
}

EMAIL_URL = env_str("EMAIL_URL")
globals().update(mail(EMAIL_URL))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env_str(
    "EMAIL_FROM", f"shopbotly@{ALLOWED_HOSTS[0] if ALLOWED_HOSTS else 'localhost'}"
)

DEFAULT_REGION = env_str("DEFAULT_REGION")  # such as DE: phone numbers without a country code are read there

# After this many seconds work whose worker vanished is taken up again. Must outlive a call to a vendor (30 s): shorter
# is for rehearsals, where the same call twice does no harm.
JOB_LEASE_SECONDS = env_int("JOB_LEASE_SECONDS", 60)

# Web and worker processes on several machines have to share it: one writes a file, another sends it.
EXPORT_DIR = env_str("EXPORT_DIR") or str(DATA_DIR / "exports")
EXPORT_KEEP_DAYS = env_int("EXPORT_KEEP_DAYS", 7)

LOG_LEVEL = env_str("LOG_LEVEL", "INFO")
LOGGING_CONFIG = None  # runtime.logs sets up one JSON line per event, scrubbed.
SILENCED_SYSTEM_CHECKS: list[str] = []
