"""The operational store in PostgreSQL, as Lambda functions use it: connection, roles, the live board."""
