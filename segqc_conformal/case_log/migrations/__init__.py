"""How the log's schema came to be: one revision per change, each in a file of its own."""
