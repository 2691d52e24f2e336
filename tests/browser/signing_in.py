"""Signing in to the admin in a browser; screenshots for the documentation use it too."""

from typing import Any, Literal


def sign_in(page: Any, url: str, username: str, password: str) -> None:
    """Sign in at `url` and end on the home page."""
    page.goto(f"{url}/admin/")
    page.fill("#id_username", username)
    page.fill("#id_password", password)
    page.click("button[type=submit], input[type=submit]")
    page.wait_for_url(f"{url}/admin/")


def use_theme(page: Any, theme: Literal["light", "dark"]) -> None:
    """Show the pages opened from now on in a theme, as the person's menu does."""
    page.evaluate("theme => localStorage.setItem('adminTheme', JSON.stringify(theme))", theme)
