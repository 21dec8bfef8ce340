"""A short run of `scripts/fuzz`: damaged files and random command lines do no harm."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_damaged_files_and_random_command_lines_do_no_harm() -> None:
    argv = [sys.executable, str(ROOT / "scripts/fuzz.py"), "--inputs", "25", "--seed", "1"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "seed 1: 25 inputs, 0 faults" in done.stdout
