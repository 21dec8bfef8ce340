"""What other tools read: one file a format. Nothing here computes what a report could tell."""
