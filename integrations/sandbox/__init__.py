"""Vendors' APIs imitated over real HTTP, with fault dials: a program of its own, `python -m integrations.sandbox`."""
