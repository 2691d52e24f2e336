"""Any JSON API, as an administrator describes it."""
