"""Record files: YAML or JSON that a person writes."""
