"""The terms of proposals: when two values are one."""

from __future__ import annotations

import re
import unicodedata

_ABOUT = re.compile(r"^(about|around|approximately|roughly|some|nearly|almost|circa|c\.|~|≈)\s*")
"""What makes a figure vague, and no other figure."""


def comparable_value(value: str) -> str:
    """A value without what makes no difference: case, spaces, "about".

    >>> comparable_value("About $8bn") == comparable_value("$8bn")
    True
    """
    folded = " ".join(unicodedata.normalize("NFKC", value).casefold().split())
    return _ABOUT.sub("", folded).rstrip(".")
