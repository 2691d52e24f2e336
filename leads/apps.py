"""The leads app."""

from datetime import timedelta

from django.apps import AppConfig
from django.conf import settings

LEADS = "leads without activity"


class LeadsConfig(AppConfig):
    """Registers what leads offers to the rooms above it."""

    name = "leads"
    verbose_name = "Leads"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Say how leads are loaded for deliveries and gone through for a connector; make our own work known."""
        from integrations import subjects as kinds
        from leads import erasures, personal, subjects, vendor_consents
        from leads.exports import chores
        from leads.exports import jobs as exports
        from leads.imports import jobs as imports
        from leads.models import ExportPlan
        from leads.survey import LeadSurvey
        from runtime import audit, events, jobs, long_work, periodic, rotation

        kinds.register("lead", subjects.load, LeadSurvey(), subjects.namesakes)
        events.subscribe(vendor_consents.UNSUBSCRIBED, vendor_consents.on_unsubscribed)
        events.subscribe(vendor_consents.SUBSCRIBED, vendor_consents.on_subscribed)
        jobs.register(exports.WORK)
        long_work.register(exports.KIND, "leads.exports.jobs:write")
        long_work.register(imports.KIND, "leads.imports.jobs:work")
        jobs.register(erasures.WORK)
        jobs.register(imports.WORK)
        # A filter may hold what somebody typed to find a person.
        audit.track(ExportPlan, hidden=("filters",), ignored=("next_run_at", "base_url"), lists=("recipients",))
        rotation.register("leads.Erasure", ("sealed",))
        periodic.register("exports", timedelta(minutes=1), chores.run)
        personal.register()
        self._keep()

    def _keep(self) -> None:
        """Say how long leads and files of them are kept."""
        from leads.exports import jobs
        from leads.exports import services as exports
        from leads.imports import files as imports
        from leads.retention import leads_prune
        from runtime import retention

        said = "People nobody heard from since, with what they asked and agreed to; connected systems are not told."
        retention.register(LEADS, said, lambda: None, lambda days: leads_prune(days=days))
        said = "Files that people downloaded; what is in them stays here."
        kept = settings.EXPORT_KEEP_DAYS
        retention.register(jobs.FILES, said, kept, lambda days: exports.exports_expire(days=days))
        said = "Files that were imported, and those of rows that were refused."
        retention.register("files of imports", said, imports.KEPT_DAYS, lambda days: imports.imports_prune(days=days))
