"""The verbs from the outside: what a user types, reads, and gets as an exit code."""
