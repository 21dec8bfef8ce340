"""The command line. It joins the rooms and holds no logic of its own.

`root` is the command `timeline` itself. What it runs is beside it, the commands of one matter in
one module.

Exit codes: 0 done; 1 it could not be done, and the message says why; 2 the command was misspelt.
"""

from timeline.cli.root import cli, main

__all__ = ["cli", "main"]
