"""The form of a connector's filter: a table of rules, each with what it is about, how it asks, and values."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold import widgets

from integrations import subjects
from integrations.backfill import KIND
from integrations.rules import MOST_RULES, MOST_VALUES, TESTS, About, Rule, capitalised, label_of, read, sentences

_SPARE_ROWS = 3
_LONGEST_NAME = 60


def about_subjects() -> dict[str, About]:
    """Return everything a filter may ask about, by name."""
    return {about.name: about for about in subjects.surveyor(KIND).about()}


class RulesWidget(forms.Widget):
    """A table with a few empty rows at its end; a row that is about nothing is left out."""

    template_name = "integrations/widgets/rules.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        """Add what may be chosen to the rules that are there."""
        about = about_subjects()
        rules: list[Rule] = [*(value or []), *([Rule("", "any_of")] * _SPARE_ROWS)]
        return {
            **super().get_context(name, None, attrs),
            "rules": [_shown(rule, about) for rule in rules],
            "about": [each for each in about.values() if not each.name.endswith(".")],
            "named": [each for each in about.values() if each.name.endswith(".")],
            "known": [each for each in about.values() if each.values],
            "tests": list(TESTS.items()),
            "select_classes": " ".join(widgets.SELECT_CLASSES),
            "input_classes": " ".join(widgets.INPUT_CLASSES),
            "longest_name": _LONGEST_NAME,
            "try_address": reverse("admin:integrations_connector_try"),
        }

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Render it with the project's templates; the form's own renderer looks elsewhere."""
        return render_to_string(self.template_name, self.get_context(name, value, attrs))

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Rule]:
        """Return the rules that were posted, in their order."""
        return posted(data, name)

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        """Tell whether the table was not part of the form."""
        return f"{name}-0-about" not in data


def posted(data: Mapping[str, Any], name: str) -> list[Rule]:
    """Return the rules of a posted table, as they were typed."""
    found = []
    for number in range(MOST_RULES + _SPARE_ROWS):
        row = f"{name}-{number}"
        if f"{row}-about" not in data:
            break
        about = str(data.get(f"{row}-about", "")).strip()
        if about.endswith("."):
            about += str(data.get(f"{row}-name", "")).strip()
        lines = str(data.get(f"{row}-values", "")).splitlines()
        values = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
        if about:
            found.append(Rule(about, str(data.get(f"{row}-test", "")), values))
    return found


def _shown(rule: Rule, about: Mapping[str, About]) -> dict[str, Any]:
    """Return a rule as its row shows it; what nobody offers any more is still offered there."""
    known = about.get(rule.about)
    return {
        "about": rule.about,
        "label": label_of(rule.about, about),
        "is_unknown": bool(rule.about) and known is None and not rule.about.endswith("."),
        "test": rule.test,
        "lines": min(max(len(rule.values), 1), 5),
        "values": "\n".join(known.values.get(value, value) if known else value for value in rule.values),
    }


class RulesField(forms.Field):
    """Rules that can be asked; what is wrong is said of the first that is."""

    widget = RulesWidget

    def prepare_value(self, value: Any) -> Any:
        """Show stored rules."""
        return read(value) if value and isinstance(value[0], dict) else value

    def clean(self, value: Any) -> list[dict[str, Any]]:
        """Return the rules as they are stored."""
        rules: list[Rule] = value or []
        if len(rules) > MOST_RULES:
            raise ValidationError(f"A filter has at most {MOST_RULES} rules.")
        about = about_subjects()
        return [_checked(rule, about).stored() for rule in rules]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare rules."""
        return bool(self.prepare_value(initial or []) != list(data or []))


def _checked(rule: Rule, about: Mapping[str, About]) -> Rule:
    label = capitalised(label_of(rule.about, about))
    kind, dot, rest = rule.about.partition(".")
    if rule.about not in about and not (f"{kind}{dot}" in about and dot and rest):
        raise ValidationError("Nothing like this is known of leads.")
    if rule.about.endswith(".") or len(rest) > _LONGEST_NAME:
        raise ValidationError(f"{label}: say which, in at most {_LONGEST_NAME} characters.")
    if rule.test not in TESTS:
        raise ValidationError(f"{label}: choose how it is asked.")
    if not TESTS[rule.test].has_values:
        return Rule(rule.about, rule.test)
    if kind == "consent":
        raise ValidationError("A consent is given or not given: there are no values to compare.")
    return Rule(rule.about, rule.test, _values(rule, label, about.get(rule.about)))


def _values(rule: Rule, label: str, about: About | None) -> tuple[str, ...]:
    if not rule.values:
        raise ValidationError(f"{label}: type at least one value, one per line.")
    if len(rule.values) > MOST_VALUES:
        raise ValidationError(f"{label}: at most {MOST_VALUES} values.")
    if about is None or not about.is_closed:
        return rule.values
    by_words = {words.casefold(): value for value, words in about.values.items()}
    unknown = [value for value in rule.values if value not in about.values and value.casefold() not in by_words]
    if unknown:
        there = ", ".join(list(about.values.values())[:10]) or "none"
        raise ValidationError(f"{label}: there is no “{unknown[0][:80]}”. There are: {there}.")
    return tuple(value if value in about.values else by_words[value.casefold()] for value in rule.values)


def said(stored: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what a stored filter asks, a sentence per rule."""
    return sentences(read(stored), about_subjects()) if stored else []
