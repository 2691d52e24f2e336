"""Mail to the administrators before a key ends: 14, 7 and 1 days ahead, each once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F, Q

from gateway import mail
from gateway.models import Key
from gateway.paths import page_of
from runtime.clock import db_now
from runtime.display import counted, relative

DAYS = (14, 7, 1)


@dataclass(frozen=True, slots=True)
class _Reminder:
    key: Key
    days: int


def remind_of_ends() -> str:
    """Send one mail about every key whose next reminder is due; return what was done.

    A reminder is claimed before it is sent, so that two workers don't send it twice, and given back if sending fails.
    """
    if not mail.can_send():
        return "No mail is set up (EMAIL_URL); home shows which keys end."
    readers = mail.people_who_may("gateway.change_key")
    if not readers:
        return "Nobody who may change keys has an e-mail address."
    due = [reminder for reminder in _due() if _claim(reminder)]
    if not due:
        return "No key ends soon."
    try:
        _send(due, readers)
    except Exception:
        for reminder in due:
            Key.objects.filter(pk=reminder.key.pk).update(reminded_days=reminder.key.reminded_days)
        raise
    return f"{counted(len(readers), 'person', 'people')} reminded of {counted(len(due), 'key')}"


def stage(left: timedelta) -> int | None:
    """Return which reminder the time that is left calls for: the smallest number of days it fits into."""
    return next((days for days in reversed(DAYS) if left <= timedelta(days=days)), None)


def _due() -> list[_Reminder]:
    now = db_now()
    ending = Key.objects.filter(
        revoked_at=None, expires_at__gt=now, expires_at__lte=now + timedelta(days=DAYS[0]), client__is_active=True
    )
    # A key that has a successor and rests since is meant to end.
    needed = ending.filter(Q(replaced_by=None) | Q(last_used_at__gt=F("replaced_by__created_at")))
    found = [
        _Reminder(key, stage(key.expires_at - now) or DAYS[0])
        for key in needed.select_related("client").order_by("expires_at")
    ]
    return [each for each in found if each.key.reminded_days is None or each.key.reminded_days > each.days]


def _claim(reminder: _Reminder) -> bool:
    unsent = Q(reminded_days=None) | Q(reminded_days__gt=reminder.days)
    return bool(Key.objects.filter(unsent, pk=reminder.key.pk).update(reminded_days=reminder.days))


def _send(reminders: Sequence[_Reminder], readers: Sequence[str]) -> None:
    soonest = relative(reminders[0].key.expires_at - db_now())
    subject = f"ShopBotly: {counted(len(reminders), 'key')} to replace, the first ends {soonest}"
    lines = [_line(reminder.key) for reminder in reminders]
    mail.send(subject, ["These keys stop working by themselves:", *lines, _ADVICE], readers)


_ADVICE = (
    "Press “Rotate” beside the key: it makes a new one and lets the old one work for as long as you choose. "
    "Put the new key in place meanwhile; the page shows who still uses the old one."
)


def _line(key: Key) -> str:
    name = f" “{mail.one_line(key.name)}”" if key.name else ""
    ends = f"{key.expires_at:%d %B %Y, %H:%M} UTC, {relative(key.expires_at - db_now())}"
    used = f"last call {relative(key.last_used_at - db_now())}" if key.last_used_at else "never used"
    client = mail.one_line(str(key.client))
    return f"- {key.kind} key{name} ({key}) of {client}: ends {ends}; {used}.\n  {mail.site()}{page_of(key.client)}"
