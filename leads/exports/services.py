"""Asking for files of leads, taking them away, and keeping the question for the next time."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.core import signing
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from gateway.models import User
from leads.exports import columns as catalogue
from leads.exports import jobs, parts
from leads.models import Export, ExportPlan, Lead, Sheet
from leads.selection import narrow
from runtime.clock import db_now
from runtime.wakeups import wake

State = Export.State
PERSONAL = "leads.view_personal"
_SALT = "leads.export.download"
FROM_THE_FIRST: Mapping[str, Any] = {"after": None, "part_bytes": 0, "written": 0}
"""What an export is given that is not to go on with what it has read."""
_SHAPE = ("format", "filters", "columns", "time_zone", "separator", "has_bom")


def may_see_personal(person: Any) -> bool:
    """Say whether somebody may see who leads are."""
    return bool(person and person.is_active and person.has_perm(PERSONAL))


def shape_of(sheet: Sheet) -> dict[str, Any]:
    """Return what a sheet is to hold and how it is written."""
    return {name: getattr(sheet, name) for name in _SHAPE}


def export_create(
    *, person: User | None, shape: Mapping[str, Any], plan: ExportPlan | None = None, has_mail: bool = False
) -> Export:
    """Ask for a file; personal columns are left out where the person may not see them."""
    allowed = catalogue.named(shape["columns"], may_see_personal=may_see_personal(person))
    names = [column.name for column in allowed]
    has_personal = any(column.is_personal for column in allowed)
    values = {**shape, "columns": names, "has_personal": has_personal, "has_mail": has_mail}
    with transaction.atomic():
        export = Export.objects.create(person=person, plan=plan, **values)
        wake(jobs.KIND, str(export.pk))
    return export


def export_again(*, export: Export) -> None:
    """Have a file written anew, with the leads as they are now."""
    fresh = {"tries": 0, "reason": "", "due_at": db_now(), "created_at": db_now(), "expires_at": None, **FROM_THE_FIRST}
    with transaction.atomic():
        Export.objects.filter(pk=export.pk).exclude(state=State.RUNNING).update(state=State.WAITING, **fresh)
        wake(jobs.KIND, str(export.pk))


def export_restart(*, export: Export) -> None:
    """Have what is being read forgotten and read anew; whoever reads it now gives up."""
    mine = Export.objects.filter(pk=export.pk, state__in=[State.WAITING, State.RUNNING])
    mine.update(state=State.WAITING, lease_until=None, due_at=db_now(), fence=F("fence") + 1, **FROM_THE_FIRST)
    parts.forget(export)


def export_cancel(*, export: Export) -> bool:
    """Give up a file that isn't ready yet; whoever writes it stops within a second."""
    still_open = Export.objects.filter(pk=export.pk, state__in=[State.WAITING, State.RUNNING])
    done = bool(still_open.update(state=State.CANCELLED, lease_until=None, finished_at=db_now()))
    parts.sweep(export)
    return done


def export_remove(*, export: Export, reason: str = "") -> None:
    """Take a finished file away."""
    Export.objects.filter(pk=export.pk).exclude(state__in=[State.WAITING, State.RUNNING]).update(
        state=State.EXPIRED, reason=reason[:200]
    )
    with suppress(FileNotFoundError):
        parts.path_of(export).unlink()
    parts.sweep(export)


def exports_expire(*, days: int) -> int:
    """Take away files whose time is over, and those older than so many days; returns how many."""
    is_old = Q(expires_at__lt=db_now()) | Q(finished_at__lt=db_now() - timedelta(days=days))
    over = Export.objects.filter(is_old, state=State.DONE)
    for export in over:
        export_remove(export=export)
    return len(over)


def download_address(export: Export) -> str:
    """Return where a finished file is downloaded: signed, and good until the file expires."""
    token = signing.dumps({"export": str(export.pk), "until": _until(export)}, salt=_SALT)
    # Not by `reverse`: a worker that mails it would load every page of the admin, to stay.
    return f"/admin/leads/export/{export.pk}/download/{token}/"


def is_download(export: Export, token: str) -> bool:
    """Say whether a token opens this file now."""
    try:
        said = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return False
    is_meant = said == {"export": str(export.pk), "until": _until(export)}
    return is_meant and export.expires_at is not None and export.expires_at > db_now()


def _until(export: Export) -> str:
    return export.expires_at.isoformat() if export.expires_at else ""


def export_downloaded(*, export: Export) -> None:
    """Count a download."""
    Export.objects.filter(pk=export.pk).update(downloads=F("downloads") + 1)


def lead_count(filters: Mapping[str, str]) -> int:
    """Return how many leads pass filters. Raises: selection.Unreadable."""
    return narrow(Lead.objects.all(), filters).count()


def plan_save(*, plan: ExportPlan, recipients: Sequence[User]) -> ExportPlan:
    """Keep a question under its name, and set when it is asked next."""
    plan.next_run_at = next_run(plan, db_now())
    with transaction.atomic():
        plan.save()
        plan.recipients.set(recipients)
    return plan


def plan_run(*, plan: ExportPlan, person: User | None, has_mail: bool = False) -> Export:
    """Ask a plan's question now."""
    return export_create(person=person, shape=shape_of(plan), plan=plan, has_mail=has_mail)


def plans_run_due() -> int:
    """Ask every question whose time has come; returns how many."""
    now = db_now()
    count = 0
    for plan in ExportPlan.objects.filter(next_run_at__lte=now).select_related("person"):
        with transaction.atomic():
            # The row moves on in the same transaction: however many workers look, it is asked once.
            moved = ExportPlan.objects.filter(pk=plan.pk, next_run_at=plan.next_run_at)
            if moved.update(next_run_at=next_run(plan, now)):
                plan_run(plan=plan, person=plan.person, has_mail=True)
                count += 1
    return count


def next_run(plan: ExportPlan, after: datetime) -> datetime | None:
    """Return when a plan is due next: at its hour in the site's zone, also on days when the clocks change."""
    if not plan.schedule:
        return None
    day = timezone.localdate(after)
    for _ in range(40):
        at = datetime(day.year, day.month, day.day, plan.at_hour, tzinfo=timezone.get_current_timezone())
        if at > after and _fits(plan.schedule, day.weekday(), day.day):
            return at
        day += timedelta(days=1)
    raise AssertionError("unreachable: every schedule comes round within 31 days")


def _fits(schedule: str, weekday: int, day: int) -> bool:
    if schedule == ExportPlan.Schedule.WEEKLY:
        return weekday == 0
    return schedule == ExportPlan.Schedule.DAILY or day == 1
