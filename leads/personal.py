"""How this room's tables forget a person."""

from django.contrib.admin.models import LogEntry

from leads import erasures
from leads.imports.files import forget_files
from leads.models import Import, Lead
from runtime import personal
from runtime.personal import Person


def _leads_forget(who: Person) -> int:
    """Delete the lead, should it be there again: nothing but an interrupted restore brings it back under its id."""
    return Lead.objects.filter(pk=who.lead_id).delete()[0]


def _history_forget(who: Person) -> int:
    """The history of the admin names records; a lead's name is a person's."""
    return LogEntry.objects.filter(object_id=str(who.lead_id)).update(object_repr="an erased lead")


def _imports_forget(who: Person) -> int:
    """Remove the files of imports, in which anybody may stand; those that are under way leave out who was erased."""
    rest = Import.objects.filter(has_files=True).exclude(state__in=[Import.State.WAITING, Import.State.RUNNING])
    runs = list(rest)
    for run in runs:
        forget_files(run)
    Import.objects.filter(pk__in=[run.pk for run in runs]).update(has_files=False)
    return len(runs)


def register() -> None:
    """Register every table of this room, and the admin's history."""
    personal.register("leads.Lead", "lead found again", _leads_forget)
    personal.register("leads.Export", "exported files", erasures.exports_forget)
    personal.register("admin.LogEntry", "lines of the history", _history_forget)
    gone = "goes with the lead, which its erasure deletes"
    personal.harmless(gone, "leads.Activity", "leads.Consent", "leads.Reference")
    personal.harmless("holds hashes; its identifiers are sealed and end with it", "leads.Erasure", "leads.Tombstone")
    personal.register("leads.Import", "files of imports", _imports_forget)
    personal.harmless("its questions are emptied with the files", "leads.ExportPlan")
