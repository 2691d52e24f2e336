"""Visitors' sessions: a client's server vouches for one visitor, whose page then calls by itself for half an hour."""

from datetime import timedelta

from gateway import keys
from gateway.models import Client, Key, Session
from runtime.clock import db_now
from runtime.periodic import prune
from runtime.secrets import Secret

LASTS = timedelta(minutes=30)


def session_create(
    *, client: Client, key: Key | None, origin: str, email: str = "", phone: str = "", reference: str = ""
) -> tuple[Session, Secret]:
    """Make a session of the page at `origin` for one verified visitor; return it with its token, told only now.

    `key` is the one that asked for it: the session ends with it, or half an hour from now.
    """
    token = keys.generate("session")
    now = db_now()
    ends = now + LASTS if key is None else min(now + LASTS, key.expires_at)
    session = Session.objects.create(
        client=client,
        key=key,
        digest=keys.digest(token),
        origin=origin,
        email=email,
        phone=phone,
        reference=reference,
        created_at=now,
        expires_at=ends,
    )
    return session, token


def prune_sessions() -> int:
    """Delete sessions that have ended, and with them whom they were for; return how many went."""
    return prune(Session.objects.filter(expires_at__lt=db_now()))
