"""Django's PostgreSQL, but a connection on which nothing has arrived is taken to work."""
