"""How this room's tables forget a person."""

from django.db.models import Q

from gateway.models import RequestLog, Session
from runtime import personal
from runtime.personal import Person


def _requests_forget(who: Person) -> int:
    """Bodies are scrubbed when they are stored; what still names somebody, such as a reference, goes."""
    mentioned = who.mentioned_in("request_body", "response_body")
    return personal.blank(RequestLog.objects.all(), mentioned, request_body="", response_body="")


def _sessions_forget(who: Person) -> int:
    """End the sessions in which somebody was vouched for."""
    named = list(who.identifiers)
    mine = Session.objects.filter(Q(email__in=named) | Q(phone__in=named) | Q(reference__in=named))
    return personal.remove(mine, list(mine.values_list("pk", flat=True)))


def register() -> None:
    """Register every table of this room."""
    personal.register("gateway.RequestLog", "API requests", _requests_forget)
    personal.register("gateway.Session", "visitors’ sessions", _sessions_forget)
    personal.harmless("keeps ids and flags alone; the answer is built from the rows", "gateway.IdempotentResult")
    personal.harmless("people who sign in, and programs that call; not leads", "gateway.User", "gateway.Client")
    personal.harmless("keys of programs", "gateway.Key", "gateway.KeyUse", "gateway.AdminNetwork")
    personal.harmless("people's apps and the codes they have used", "gateway.Authenticator")
    personal.harmless("names rows about leads by their id alone", "auditlog.LogEntry", "gateway.AuditEntry")
