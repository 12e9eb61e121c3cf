"""Whether the watches still tell us what a list shows: they can go silent without an error."""

from collections.abc import Iterable


class Hearing:
    """Compares what watches told with what sweeps list.

    An object that two sweeps in a row list in the same version, which no watch ever told of, means
    that a watch is silent. A sweep is the bound of how long anything goes unnoticed; this is the
    bound of how long we go on like that before we are restarted.
    """

    def __init__(self) -> None:
        self._heard: dict[str, str] = {}
        self._suspects: dict[str, str] = {}
        self.problem = ""

    def heard(self, uid: str, version: str) -> None:
        """Note that a watch told of an object in this version."""
        self._heard[uid] = version

    def listed(self, objects: Iterable[tuple[str, str]]) -> None:
        """Compare with a complete list of (uid, resourceVersion)."""
        now = dict(objects)
        missed = {uid: version for uid, version in now.items() if self._heard.get(uid) != version}
        silent = [uid for uid, version in missed.items() if self._suspects.get(uid) == version]
        self._suspects = missed
        self._heard = {uid: version for uid, version in self._heard.items() if uid in now}
        self.problem = ""
        if silent:
            self.problem = f"A watch is silent: it never told of {len(silent)} listed objects."
