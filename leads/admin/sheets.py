"""The form that says what a file of leads is to hold; exports and plans share it."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from leads.exports import columns as catalogue
from leads.exports import files
from leads.exports.columns import Column
from leads.models import Sheet
from runtime.forms import LinesField, styled

_LABELS = {"has_bom": "Mark as UTF-8 (Excel needs it)", "separator": "Between columns"}


class ColumnChoices(forms.CheckboxSelectMultiple):
    """Checkboxes in groups, each with what its column means; labels may come from strangers and stay text."""

    def __init__(self, columns: Sequence[Column] = ()) -> None:
        super().__init__()
        self.columns = columns

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Return one field set per group."""
        groups: dict[str, list[Column]] = {}
        for column in self.columns:
            groups.setdefault(column.group, []).append(column)
        chosen = set(value or ())
        parts = (
            (group, format_html_join("", _CHOICE, (self._choice(name, column, chosen) for column in columns)))
            for group, columns in groups.items()
        )
        return format_html('<div class="sb-choices-of-columns">{}</div>', format_html_join("", _GROUP, parts))

    def _choice(self, name: str, column: Column, chosen: set[str]) -> tuple[Any, ...]:
        mark = SafeString(" checked") if column.name in chosen else ""
        return (column.meaning, name, column.name, mark, column.label, " · personal" if column.is_personal else "")


_GROUP = '<fieldset class="sb-card"><legend>{}</legend>{}</fieldset>'
_CHOICE = (
    '<label class="sb-check" title="{}"><input type="checkbox" name="{}" value="{}"{}>'
    '<span dir="auto">{}<span class="sb-quiet">{}</span></span></label>'
)


class SheetForm(forms.ModelForm):  # type: ignore[type-arg] # Django's class takes none when it runs
    """What a file holds and how it is written; `may_see_personal` is set by whoever makes the form."""

    may_see_personal = False

    columns = forms.MultipleChoiceField(label="Columns", widget=ColumnChoices())
    attributes = LinesField(
        label="Attributes as columns of their own",
        help_text="Names of attributes, one per line, as the chatbot sends them, such as budget.",
    )
    time_zone = forms.ChoiceField(label="Times in the zone", required=False)

    class Meta:
        model: Any = Sheet
        fields: Any = ("format", "columns", "attributes", "time_zone", "separator", "has_bom")
        labels: Any = _LABELS

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        offered = [each for each in catalogue.offered() if self.may_see_personal or not each.is_personal]
        field: Any = self.fields["columns"]
        field.choices = [(column.name, column.label) for column in offered]
        field.widget.columns = offered
        stored = list(self.instance.columns or [])
        known = {column.name for column in offered}
        self.initial["columns"] = [name for name in stored if name in known] or catalogue.usual()
        prefix = catalogue.attribute_name("")
        self.initial["attributes"] = [name.removeprefix(prefix) for name in stored if name.startswith(prefix)]
        zones: Any = self.fields["time_zone"]
        site = ("", f"the site’s: {settings.TIME_ZONE}")
        zones.choices = [site, *((name, name) for name in sorted(available_timezones()) if "/" in name)]
        self.fields["attributes"].widget.attrs["rows"] = 2
        if not self.may_see_personal:
            del self.fields["attributes"]
        for name, each in self.fields.items():
            if name != "columns":
                styled(each)

    def clean_format(self) -> str:
        """Refuse a format that can't be written here, and say why."""
        format: str = self.cleaned_data["format"]
        if reason := files.missing(format):
            raise ValidationError(reason)
        return format

    def chosen_columns(self) -> list[str]:
        """Return the names of the columns that were asked for."""
        made_up = [catalogue.attribute_name(name) for name in self.cleaned_data.get("attributes", [])]
        return [*self.cleaned_data["columns"], *made_up]
