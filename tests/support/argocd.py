"""Argo CD's way of running a resource's health script.

https://argo-cd.readthedocs.io/en/stable/operator-manual/health/: Lua 5.1 with the global `obj` and
without the string library; a table {status, message} comes back, and a status that Argo CD does not
know is Unknown.
"""

from typing import Any

from lupa import lua51

KNOWN = frozenset({"Unknown", "Progressing", "Suspended", "Healthy", "Degraded", "Missing"})
_MOST_INSTRUCTIONS = 1_000_000
_FENCE = """
local most, set_hook = ..., debug.sethook
set_hook(function() error("the script ran too long", 0) end, "", most)
"""
_LIBRARIES = """
python = nil; debug = nil; dofile = nil; loadfile = nil; io = nil; coroutine = nil; math = nil
os = {time = os.time, date = os.date, clock = os.clock, difftime = os.difftime}
getmetatable("").__index = nil; string = nil
"""


def health(script: str, resource: dict[str, Any]) -> tuple[str, str]:
    """Return the health status and message that Argo CD would show."""
    runtime = lua51.LuaRuntime(register_eval=False, register_builtins=False)
    runtime.execute(_FENCE, _MOST_INSTRUCTIONS)
    runtime.execute(_LIBRARIES)
    runtime.globals().obj = _table(runtime, resource)
    answer = runtime.execute(script)
    assert lua51.lua_type(answer) == "table", "the script must return a table"
    status = answer["status"]
    return (status if status in KNOWN else "Unknown"), answer["message"] or ""


def _table(runtime: Any, value: Any) -> Any:
    if isinstance(value, dict):
        table = runtime.table()
        for key, one in value.items():
            table[key] = _table(runtime, one)
        return table
    if isinstance(value, list):
        return runtime.table(*[_table(runtime, one) for one in value])
    # Numbers are doubles in Lua 5.1.
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
