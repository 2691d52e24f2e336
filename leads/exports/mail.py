"""The mail that says a scheduled file is ready: a link, no data."""

import structlog
from django.core.mail import EmailMessage

from gateway.mail import can_send, one_line
from leads.exports.services import download_address
from leads.models import Export
from runtime.display import counted, exact

log = structlog.get_logger(__name__)


def links_send() -> int:
    """Mail the links of scheduled files that are ready; returns how many files. One that can't be sent says so."""
    count = 0
    ready = Export.objects.filter(state=Export.State.DONE, has_mail=True, plan__isnull=False)
    for export in ready.select_related("plan", "person").prefetch_related("plan__recipients"):
        reason = _send(export)
        # Noted after it was sent: a mail that comes twice is better than one that never comes.
        Export.objects.filter(pk=export.pk).update(has_mail=False, reason=reason[:200])
        count += not reason
    return count


def _send(export: Export) -> str:
    """Mail one link; returns what went wrong, in words."""
    plan = export.plan
    assert plan is not None  # noqa: S101 (the query asked for it)
    to = [person.email for person in plan.recipients.all() if person.is_active and person.email]
    if not to:
        return "" if not plan.recipients.all() else "Nobody was told: none of the recipients has an e-mail address."
    if not can_send():
        return "Nobody was told: no mail server is set (EMAIL_URL)."
    try:
        EmailMessage(_subject(export), _words(export), to=to).send()
    except OSError as err:
        log.warning("export.mail_failed", export=str(export.pk), error=type(err).__name__)
        return f"The mail could not be sent ({type(err).__name__}); the file is here."
    return ""


def _subject(export: Export) -> str:
    return one_line(f"{export.plan}: {counted(export.written, 'lead')}", 200)


def _words(export: Export) -> str:
    assert export.plan is not None and export.expires_at is not None  # noqa: S101 (it is finished)
    return (
        f"“{export.plan}” is ready: {counted(export.written, 'lead')} as {export.get_format_display()}.\n\n"
        f"{export.plan.base_url}{download_address(export)}\n\n"
        f"The link asks you to sign in and works until {exact(export.expires_at)}.\n"
    )
