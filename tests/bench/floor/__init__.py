"""The floor of captures: a Django project of one view that inserts one row."""
