"""How a report is shown: text, Markdown, CSV, workbooks and data frames; pages are in `pages/`."""
