"""Leads: who they are, what they asked, where they went; and the files that are made of them."""

from leads.admin import erasures, exports, imports, leads, plans

__all__ = ["erasures", "exports", "imports", "leads", "plans"]
