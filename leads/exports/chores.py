"""What happens with exports by the clock: plans that are due, links that are mailed."""

from leads.exports import mail, services


def run() -> str:
    """Do all of it; returns a line for the admin."""
    return f"{services.plans_run_due()} started, {mail.links_send()} mailed"
