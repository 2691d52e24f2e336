"""`runtime.display` in templates."""

from django import template

from runtime import display

register = template.Library()

register.filter("ago", display.ago)
register.filter("badge", display.badge)
register.filter("body", display.body)
register.filter("due", display.due)
register.filter("folded", display.folded)
register.filter("milliseconds", display.milliseconds)
