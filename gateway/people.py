"""People: their role, their sessions, their second factor."""

from django.contrib.auth.models import Group
from django.db import transaction

from gateway import authenticators, lockout
from gateway.models import User, session_mark
from gateway.roles import ADMINISTRATOR, ROLES
from runtime import audit


def role_of(person: User) -> str:
    """Return the name of a person's role; empty where they have none."""
    if person.is_administrator:
        return ADMINISTRATOR
    return next((group.name for group in person.groups.all() if group.name in ROLES), "")


def person_role_set(*, person: User, role: str) -> None:
    """Give a person a role instead of the one they had; without any, they can't sign in. Raises: KeyError."""
    before = role_of(person)
    groups = [Group.objects.get(name=ROLES[role].name)] if role else []
    with transaction.atomic():
        person.is_superuser, person.is_staff = role == ADMINISTRATOR, bool(role)
        person.save(update_fields=["is_superuser", "is_staff"])
        person.groups.set(groups)
        person.user_permissions.clear()
        if before != role:
            audit.note(f"Role changed from {before or 'none'} to {role or 'none'}.", person)


def person_sign_out(*, person: User) -> None:
    """End a person's sessions in every browser."""
    person.session_mark = session_mark()
    person.save(update_fields=["session_mark"])


def second_factor_reset(*, person: User) -> bool:
    """Forget a person's authenticator app and end their sessions; tell whether there was one."""
    with transaction.atomic():
        had_one = authenticators.authenticator_reset(person=person)
        person_sign_out(person=person)
    return had_one


def sign_in_unlock(*, person: User) -> None:
    """Let a person who typed too many wrong passwords or codes try again at once."""
    lockout.unlock(name=person.get_username())
    authenticators.Authenticator.objects.filter(user=person).update(
        throttling_failure_timestamp=None, throttling_failure_count=0
    )
