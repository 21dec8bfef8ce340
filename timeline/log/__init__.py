"""The log: schema, transactions, append, read, follow, verify, copy."""
