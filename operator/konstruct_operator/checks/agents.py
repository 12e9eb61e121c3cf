"""Whether an Agent or an AgentTemplate says something that can be done."""

from collections.abc import Iterable, Sequence

from konstruct_crds.agent import Agent
from konstruct_crds.conditions import ConditionType
from konstruct_crds.template import AgentTemplate
from konstruct_operator.checks.finding import Finding, Verdict

_BLOCKS = {"HTTP": "http", "MCP": "mcp"}
_PAIRS = {")": "(", "]": "["}


def agent_is_accepted(agent: Agent) -> Finding:
    """Tell whether tools and escalation rules are well-formed."""
    about = ConditionType.ACCEPTED
    problem = _problem(agent.spec.tools, [rule.when for rule in agent.spec.escalation])
    if problem is not None:
        return Finding(about, Verdict.WRONG, *problem)
    missing = parts_without_effect(agent)
    if missing:
        return Finding(
            about,
            Verdict.HOLDS,
            "AcceptedInPart",
            "The declaration is understood, but this version does nothing yet with"
            f" {', '.join(missing)}. The agent answers without.",
        )
    return Finding(about, Verdict.HOLDS, "Accepted", "The declaration is understood.")


def parts_without_effect(agent: Agent) -> list[str]:
    """Return what an Agent declares and this version cannot do, in words."""
    spec = agent.spec
    tools = [tool.name for tool in spec.tools if str(tool.type) != "BuiltIn"]
    found = {
        f"the tool{'s' if len(tools) > 1 else ''} {' and '.join(tools)}": bool(tools),
        "approvals": any(tool.approval is not None for tool in spec.tools),
        "escalation": bool(spec.escalation),
        "knowledge": bool(spec.knowledge),
        "recall": str(spec.memory.recall) == "Enabled",
        "handOff outside the portal": any(str(one.type) != "Portal" for one in spec.hand_off),
    }
    return [words for words, declared in found.items() if declared]


def template_is_ready(template: AgentTemplate) -> Finding:
    """Tell whether agents can be made from the template."""
    problem = _problem(template.spec.tools, [rule.when for rule in template.spec.escalation])
    if problem is None:
        return Finding(
            ConditionType.READY, Verdict.HOLDS, "Accepted", "Agents can be made from it."
        )
    reason, message = problem
    return Finding(ConditionType.READY, Verdict.WRONG, reason, message)


def _problem(tools: Sequence[object], rules: Iterable[str]) -> tuple[str, str] | None:
    for tool in tools:
        problem = _tool_problem(tool)
        if problem is not None:
            return problem
    for rule in rules:
        if not rule.strip():
            return "EscalationRuleInvalid", "An escalation rule is empty: say when it applies."
        if not _is_balanced(rule):
            return (
                "EscalationRuleInvalid",
                f"The rule {rule[:60]!r} has a parenthesis or quote that is never closed.",
            )
    return None


def _tool_problem(tool: object) -> tuple[str, str] | None:
    name, kind = getattr(tool, "name", ""), str(getattr(tool, "type", ""))
    for type_name, block in _BLOCKS.items():
        present = getattr(tool, block, None) is not None
        if kind == type_name and not present:
            return (
                "ToolInvalid",
                f"The tool {name} of type {kind} has no block {block}: write it, with its url.",
            )
        if kind != type_name and present:
            return (
                "ToolInvalid",
                f"The tool {name} of type {kind} has a block {block}: remove one of the two.",
            )
    return None


def _is_balanced(rule: str) -> bool:
    open_ones: list[str] = []
    quote = ""
    for letter in rule:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in _PAIRS.values():
            open_ones.append(letter)
        elif letter in _PAIRS and (not open_ones or open_ones.pop() != _PAIRS[letter]):
            return False
    return not open_ones and not quote
