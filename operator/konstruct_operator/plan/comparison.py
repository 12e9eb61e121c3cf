"""Whether an object already says what is planned, so that nothing is written for nothing."""

from typing import Any

from konstruct_operator import names
from konstruct_operator.observed import Document


def differs(observed: Document | None, planned: Document) -> bool:
    """Tell whether applying `planned` may change `observed`.

    Fields that are not planned belong to others. The planned hash shows fields that were planned
    once and no longer are.
    """
    if observed is None:
        return True
    wanted = planned["metadata"]["annotations"].get(names.ANNOTATION_CONFIG_HASH)
    seen = observed["metadata"].get("annotations", {}).get(names.ANNOTATION_CONFIG_HASH)
    return wanted != seen or not _contains(observed, planned)


def _contains(observed: Any, planned: Any) -> bool:
    if isinstance(planned, dict):
        if not isinstance(observed, dict):
            return not planned and observed is None
        return all(_contains(observed.get(key), value) for key, value in planned.items())
    if isinstance(planned, list):
        return _contains_list(observed or [], planned)
    return bool(observed == planned)


def _contains_list(observed: Any, planned: list[Any]) -> bool:
    if not isinstance(observed, list):
        return False
    if planned and all(isinstance(one, dict) and "name" in one for one in planned):
        by_name = {one.get("name"): one for one in observed if isinstance(one, dict)}
        return all(_contains(by_name.get(one["name"]), one) for one in planned)
    if len(observed) != len(planned):
        return False
    return all(_contains(seen, wanted) for seen, wanted in zip(observed, planned, strict=True))
