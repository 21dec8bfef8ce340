"""An event-sourced record of who said, met and proposed what, when, and according to whom."""
