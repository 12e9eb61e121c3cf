"""The enforcer's log: standard error, which the test bed keeps in a file."""

import sys
import time


def say(words: str) -> None:
    """Write a line with the time of day."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {words}\n")
    sys.stderr.flush()
