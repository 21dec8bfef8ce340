"""The command `timeline`, which also runs as `python -m timeline`."""

import gc
import sys


def main() -> None:
    """Run the command; Ctrl-C ends it without a traceback, even while it still loads."""
    # Events and rows are made by the hundred thousand, and hold no cycles: an ingest is faster
    # where Python looks for cycles less often.
    gc.set_threshold(10_000)
    try:
        from timeline import cli

        cli.main()
    except KeyboardInterrupt:
        sys.stderr.write("\nAborted!\n")
        sys.exit(130)  # as shells have it: 128, and 2 for the signal


if __name__ == "__main__":
    main()
