"""The audit trail: what people changed, with before and after, and what they did besides; from where and when.

Without a person who acts, a change of a row leaves no entry; what ends by itself and people look for is noted by name.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from auditlog.models import LogEntry
from auditlog.registry import auditlog
from auditlog.signals import pre_log
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.db.models.signals import pre_save
from django.http import HttpRequest

from runtime.clock import db_now
from runtime.periodic import prune

HIDDEN = "hidden"
"""What stands in the trail for a secret, before and after."""

KEPT_DAYS = 400

_acting: ContextVar[HttpRequest | None] = ContextVar("audit_request", default=None)


def track(
    model: type[Model], *, hidden: Sequence[str] = (), ignored: Sequence[str] = (), lists: Sequence[str] = ()
) -> None:
    """Have people's changes of a model's rows written down; of `hidden` fields only that they changed.

    `lists` are fields that name many rows of another model.
    """
    auditlog.register(
        model,
        m2m_fields=set(lists),
        mask_fields=list(hidden),
        mask_callable="runtime.audit.masked",
        exclude_fields=[model._meta.pk.name, *ignored],
    )


def is_tracked(model: type[Model]) -> bool:
    """Tell whether changes of a model's rows are written down field by field."""
    return bool(auditlog.contains(model._meta.concrete_model))


def masked(value: str) -> str:
    """Return what the trail keeps of a secret: whether there was one."""
    return HIDDEN if value not in {"", "None"} else ""


@contextmanager
def acting(request: HttpRequest) -> Iterator[None]:
    """Have what is changed meanwhile written down as done by the person of this request."""
    token = _acting.set(request)
    try:
        yield
    finally:
        _acting.reset(token)


def note(did: str, about: Model | type[Model], *, name: str | None = None, **details: str) -> None:
    """Write down what somebody did with a row, or with rows of a kind; no personal data of leads, no secrets."""
    row = about if isinstance(about, Model) else None
    LogEntry.objects.create(
        content_type=ContentType.objects.get_for_model(about),
        object_pk="" if row is None else str(row.pk),
        object_id=row.pk if row is not None and isinstance(row.pk, int) else None,
        object_repr=str(about._meta.verbose_name_plural if row is None else row) if name is None else name,
        action=LogEntry.Action.ACCESS,
        additional_data={"did": did, **details},
    )


def prune_audit_trail(*, days: int = KEPT_DAYS) -> int:
    """Delete entries older than so many days; return how many went."""
    return prune(LogEntry.objects.filter(timestamp__lt=db_now() - timedelta(days=days)))


def start() -> None:
    """Connect to auditlog; called once, when the apps are ready."""
    pre_log.connect(_is_by_a_person, dispatch_uid="audit")
    pre_save.connect(_sign, sender=LogEntry, dispatch_uid="audit")


def _is_by_a_person(sender: object, **signal: Any) -> bool:
    request = _acting.get()
    return request is not None and request.user.is_authenticated


def _sign(sender: object, instance: LogEntry, **signal: Any) -> None:
    """Say who, from where and in which request."""
    request = _acting.get()
    if request is None:
        return
    if request.user.is_authenticated:
        instance.actor_id = request.user.pk
    instance.remote_addr = getattr(request, "address", "") or None
    instance.cid = getattr(request, "request_id", "")
