"""The only package that opens a connection to the outside."""
