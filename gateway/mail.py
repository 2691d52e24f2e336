"""Mail to the people who work in the admin."""

from collections.abc import Sequence

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.core.mail import EmailMessage

from gateway.models import User

_LONGEST_NAME = 80


def can_send() -> bool:
    """Say whether mail is set up."""
    return bool(settings.EMAIL_URL)


def people_who_may(permission: str) -> list[str]:
    """Return the addresses of those who have a permission, such as `"gateway.change_key"`, and an address."""
    backend = f"{ModelBackend.__module__}.{ModelBackend.__qualname__}"
    people = User.objects.with_perm(permission, backend=backend).exclude(email="")
    return sorted(set(people.values_list("email", flat=True)))


def send(subject: str, paragraphs: Sequence[str], readers: Sequence[str]) -> None:
    """Send one message; its readers don't see each other's addresses. Raises: OSError."""
    EmailMessage(one_line(subject, 200), "\n\n".join(paragraphs), bcc=readers).send()


def one_line(text: str, longest: int = _LONGEST_NAME) -> str:
    """Return a name on one line: it must not pass for a line, or a header, of ours."""
    return " ".join(text.split())[:longest]


def site() -> str:
    """Return the address before a path of ours, as far as the settings tell it."""
    host = next((host for host in settings.ALLOWED_HOSTS if host.strip(".*") == host), "")
    return f"https://{host}" if host and not settings.DEMO_MODE else ""
