"""Form fields for what people type as lines: one entry per line, each one checked."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold import widgets

_STYLED: tuple[tuple[type[forms.Widget], Callable[[], forms.Widget]], ...] = (
    (forms.PasswordInput, widgets.UnfoldAdminPasswordWidget),
    (forms.CheckboxInput, widgets.UnfoldBooleanSwitchWidget),
    (forms.CheckboxSelectMultiple, widgets.UnfoldAdminCheckboxSelectMultipleWidget),
    (forms.SelectMultiple, widgets.UnfoldAdminSelectMultipleWidget),
    (forms.RadioSelect, widgets.UnfoldAdminRadioSelectWidget),
    (forms.Select, widgets.UnfoldAdminSelectWidget),
    (forms.Textarea, widgets.UnfoldAdminTextareaWidget),
    (forms.NumberInput, widgets.UnfoldAdminIntegerFieldWidget),
    (forms.EmailInput, widgets.UnfoldAdminEmailInputWidget),
    (forms.URLInput, widgets.UnfoldAdminURLInputWidget),
    (forms.TextInput, widgets.UnfoldAdminTextInputWidget),
)


class LinesField(forms.CharField):
    """A list of strings, typed one per line; `check` returns an entry as it is kept, or raises ValueError in words."""

    def __init__(self, *, check: Callable[[str], str] = str, **options: Any) -> None:
        options.setdefault("required", False)
        options.setdefault("widget", widgets.UnfoldAdminTextareaWidget(attrs={"rows": 3}))
        super().__init__(**options)
        self.check = check

    def prepare_value(self, value: Any) -> Any:
        """Show a stored list as lines."""
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        """Return the entries, in order, each once."""
        text = super().clean(value)
        return list(dict.fromkeys(self._checked(line.strip()) for line in text.splitlines() if line.strip()))

    def _checked(self, line: str) -> str:
        try:
            return self.check(line)
        except ValueError as err:
            raise ValidationError(f"“{line[:80]}”: {err}") from err


class PairsField(LinesField):
    """An object of strings, typed as `name = value` per line."""

    def prepare_value(self, value: Any) -> Any:
        """Show a stored object as lines."""
        return "\n".join(f"{name} = {text}" for name, text in value.items()) if isinstance(value, Mapping) else value

    def clean(self, value: Any) -> dict[str, str]:  # type: ignore[override] # pairs instead of lines
        """Return the pairs; a name that comes twice is refused."""
        pairs: dict[str, str] = {}
        for line in super().clean(value):
            name, equals, text = (part.strip() for part in line.partition("="))
            if not (name and equals and text):
                raise ValidationError(f"“{line[:80]}”: write it as name = value.")
            if name in pairs:
                raise ValidationError(f"“{name[:80]}” stands here twice.")
            pairs[name] = text
        return pairs


def styled(field: forms.Field) -> forms.Field:
    """Give a plain field the looks of the admin; its behaviour stays."""
    plain = field.widget
    for kind, make in _STYLED:
        if isinstance(plain, kind) and not type(plain).__module__.startswith("unfold"):
            field.widget = make()
            field.widget.attrs.update({name: value for name, value in plain.attrs.items() if name != "class"})
            field.widget.is_required = field.required
            if isinstance(field, forms.ChoiceField):
                field.widget.choices = field.choices
            break
    return field
