"""A folder of pages from all reports."""
