"""Record files: YAML, JSON, workbooks, CSV and TSV that a person writes, read and written."""
