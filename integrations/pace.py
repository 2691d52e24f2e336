"""The form for a connector's pace: when it tries again, how much it asks of the vendor."""

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from unfold import widgets

from integrations import durations
from integrations.connections import in_flight_of, window_of
from integrations.models import Connector
from integrations.providers.registry import provider_class
from integrations.retries import REFUSAL, TROUBLE

_MOST_TRIES = 20
_SHORTEST, _LONGEST = 1, 24 * 3600
_MOST_AT_ONCE = 10
_MOST_REQUESTS = 1_000_000
_MOST_A_DAY = 100_000_000


PACE_FIELDS = ("trouble", "refusal", ("quota_requests", "quota_seconds"), "quota_daily", "calls_at_once")
"""The fields of the form as they stand on the page."""


class DurationsField(forms.CharField):
    """Spans of time typed with commas, "10 s, 5 m, 2 h"; cleaned to seconds."""

    def __init__(self, **options: Any) -> None:
        attrs = {"spellcheck": "false", "autocomplete": "off"}
        super().__init__(required=False, max_length=400, widget=widgets.UnfoldAdminTextInputWidget(attrs), **options)

    def clean(self, value: Any) -> list[float]:
        """Return the seconds; none = the usual."""
        try:
            spans = durations.parse_all(super().clean(value))
        except ValueError as err:
            raise ValidationError(str(err)) from err
        if len(spans) > _MOST_TRIES:
            raise ValidationError(f"That are {len(spans)} tries; {_MOST_TRIES} is the most.")
        if any(not _SHORTEST <= span <= _LONGEST for span in spans):
            raise ValidationError("Each wait is between 1 s and 24 h.")
        return spans


def _number(label: str, at_most: int) -> forms.IntegerField:
    widget = widgets.UnfoldAdminIntegerFieldWidget()
    return forms.IntegerField(label=label, required=False, min_value=1, max_value=at_most, widget=widget)


class PaceForm(forms.ModelForm):  # type: ignore[type-arg] # Django's class takes none when it runs
    """When a connector tries again, and how much it asks of the vendor; what is empty is as usual."""

    trouble = DurationsField(label="Waits when it is down")
    refusal = DurationsField(label="Waits when it refuses a lead")
    quota_requests = _number("Its limit: requests", _MOST_REQUESTS)
    quota_seconds = _number("in how many seconds", _LONGEST)
    quota_daily = _number("Its limit: requests a day", _MOST_A_DAY)
    calls_at_once = _number("Calls at once", _MOST_AT_ONCE)

    class Meta:
        model = Connector
        fields: ClassVar[list[str]] = []

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "trouble" in self.fields:
            self._fill(self.instance)

    def _fill(self, connector: Connector) -> None:
        policy, quota = connector.retry_policy, connector.quota
        self.initial.update(
            {
                "trouble": durations.typed(policy.get("trouble", [])),
                "refusal": durations.typed(policy.get("refusal", [])),
                "quota_requests": quota.get("requests"),
                "quota_seconds": quota.get("seconds"),
                "quota_daily": quota.get("daily"),
                "calls_at_once": connector.max_in_flight,
            }
        )
        usual = Connector(provider=connector.provider)
        window = window_of(usual)
        of_vendor = f"{window.requests} in {window.seconds:g} s" if window else "none"
        vendor = provider_class(connector.provider).name
        words = {
            "trouble": f"One per further try, such as 10 s, 5 m, 2 h. Empty: {durations.typed(TROUBLE)}.",
            "refusal": f"The same. Empty: {durations.typed(REFUSAL)}.",
            "quota_seconds": "Such as 10.",
            "quota_requests": f"Empty: what is usual for {vendor}, {of_vendor}.",
            "quota_daily": f"Empty: as {vendor}’s answers tell, where they do. What is over is sent the next day.",
            "calls_at_once": f"1 to {_MOST_AT_ONCE}. Empty: {in_flight_of(usual)}, as usual for {vendor}.",
        }
        for name, text in words.items():
            self.fields[name].help_text = text

    def clean(self) -> dict[str, Any]:
        """Ask for both numbers of a limit or for none."""
        values = super().clean() or self.cleaned_data
        for name, other in (("quota_requests", "quota_seconds"), ("quota_seconds", "quota_requests")):
            if values.get(other) and not values.get(name) and name not in self.errors:
                self.add_error(name, "A limit needs both: so many requests in so many seconds.")
        return values

    def pace(self) -> dict[str, Any]:
        """Return what was typed, as `services.connector_pace_set` takes it."""
        values = self.cleaned_data
        window = {"requests": values["quota_requests"], "seconds": values["quota_seconds"]}
        quota = window if all(window.values()) else {}
        if values["quota_daily"]:
            quota["daily"] = values["quota_daily"]
        return {
            "retry_policy": {name: values[name] for name in ("trouble", "refusal") if values[name]},
            "quota": quota,
            "max_in_flight": values["calls_at_once"],
        }
