"""The home page: what needs a person, how things go, how each connector does, what ends soon."""

from typing import Any

from django.http import HttpRequest

from config.dashboard import connectors, figures, needs, soon


def home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the home page's four parts to its context; each shows only what this person may see."""
    rows = connectors.rows(request)
    causes = needs.causes(request, rows)
    context.update(
        causes=causes,
        all_well="" if causes else figures.all_well(request),
        figures=figures.week(request),
        connectors=rows,
        ends=soon.ends(request),
        may_see_connectors=request.user.has_perm("integrations.view_connector"),
        may_add_connector=request.user.has_perm("integrations.add_connector"),
    )
    return context
