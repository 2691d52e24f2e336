"""The leads app."""

from django.apps import AppConfig


class LeadsConfig(AppConfig):
    """Registers what leads offers to the rooms above it."""

    name = "leads"
    verbose_name = "Leads"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Say how leads are loaded for deliveries, and gone through for a connector."""
        from integrations import subjects as kinds
        from leads import subjects
        from leads.survey import LeadSurvey

        kinds.register("lead", subjects.load, LeadSurvey())
