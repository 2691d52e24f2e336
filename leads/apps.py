"""The leads app."""

from datetime import timedelta

from django.apps import AppConfig


class LeadsConfig(AppConfig):
    """Registers what leads offers to the rooms above it."""

    name = "leads"
    verbose_name = "Leads"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Say how leads are loaded for deliveries and gone through for a connector; make our own work known."""
        from integrations import subjects as kinds
        from leads import consents, erasures, personal, subjects
        from leads.exports import chores
        from leads.exports import jobs as exports
        from leads.imports import jobs as imports
        from leads.imports.services import imports_prune
        from leads.survey import LeadSurvey
        from runtime import events, jobs, periodic, rotation

        kinds.register("lead", subjects.load, LeadSurvey(), subjects.namesakes)
        events.subscribe(consents.UNSUBSCRIBED, consents.on_unsubscribed)
        jobs.register(exports.WORK)
        jobs.register(erasures.WORK)
        jobs.register(imports.WORK)
        periodic.register("files of imports", timedelta(hours=1), lambda: f"{imports_prune()} removed")
        rotation.register("leads.Erasure", ("sealed",))
        periodic.register("exports", timedelta(minutes=1), chores.run)
        personal.register()
