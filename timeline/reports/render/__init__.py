"""How a report is shown: text, pages, charts, Markdown, CSV, frames."""
