"""Django's PostgreSQL, but a connection in use, on which nothing has arrived, is taken to work."""
