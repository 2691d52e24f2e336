"""What happens with exports by the clock: plans that are due, links that are mailed, files whose time is over."""

from leads.exports import mail, services


def run() -> str:
    """Do all of it; returns a line for the admin."""
    started, mailed, removed = services.plans_run_due(), mail.links_send(), services.exports_expire()
    return f"{started} started, {mailed} mailed, {removed} removed"
