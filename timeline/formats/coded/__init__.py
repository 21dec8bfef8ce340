"""Coded event data: ICEWS and GDELT."""
