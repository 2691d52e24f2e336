"""What runs with the product's own settings and database, in a process of its own."""
