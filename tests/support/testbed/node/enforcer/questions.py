"""The enforcer's socket: the CNI plugin announces pods, tests wait for what they applied.

One line of JSON in, one line out with `ok`. Operations:
`add` and `delete` (container, namespace, name, uid, address): a pod comes or goes;
`policy` (namespace, name, version or null, seconds): waits until that version, or its absence, is
enforced; `status`: what is known.
"""

import json
import socket
import threading
from pathlib import Path
from typing import Any

from support.testbed.node.enforcer.knowledge import Knowledge
from support.testbed.node.enforcer.said import say

_POD_SECONDS = 3.0
_KERNEL_SECONDS = 3.0
_QUESTION_SECONDS = 15.0

Question = dict[str, Any]


def serve(path: Path, knowledge: Knowledge) -> None:
    """Answer questions, for ever."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(0o600)
        listening.listen(64)
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_answer, args=(connection, knowledge), daemon=True).start()


def _answer(connection: socket.socket, knowledge: Knowledge) -> None:
    with connection:
        connection.settimeout(_QUESTION_SECONDS)
        try:
            question: Question = json.loads(connection.makefile().readline())
            with knowledge.changed:
                answer = _OPERATIONS[question["operation"]](question, knowledge)
            connection.sendall((json.dumps(answer) + "\n").encode())
        except (OSError, ValueError, LookupError) as error:
            say(f"question: {error!r}")


def _add(question: Question, knowledge: Knowledge) -> Question:
    name = f"{question['namespace']}/{question['name']}"
    older = [one for one, (pod, _) in knowledge.announced.items() if pod == name]
    for container in older:
        del knowledge.announced[container]
    knowledge.announced[question["container"]] = (name, question["address"])
    knowledge.touch()

    def is_known() -> bool:
        pod = knowledge.pods.get(name)
        wanted = question.get("uid")
        return knowledge.is_complete and pod is not None and (not wanted or wanted in pod.uids)

    known = knowledge.wait_until(is_known, _POD_SECONDS)
    return {"ok": _wait_for_kernel(knowledge) and known}


def _delete(question: Question, knowledge: Knowledge) -> Question:
    if knowledge.announced.pop(question["container"], None) is not None:
        knowledge.touch()
    return {"ok": True}


def _policy(question: Question, knowledge: Knowledge) -> Question:
    name = f"{question['namespace']}/{question['name']}"

    def is_known() -> bool:
        policy = knowledge.policies.get(name)
        return (policy.version if policy else None) == question.get("version")

    known = knowledge.wait_until(is_known, question.get("seconds", 5.0))
    return {"ok": _wait_for_kernel(knowledge) and known}


def _status(question: Question, knowledge: Knowledge) -> Question:
    return {
        "ok": knowledge.is_complete,
        "generation": knowledge.generation,
        "enforced": knowledge.enforced,
        "policies": {name: policy.version for name, policy in knowledge.policies.items()},
        "announced": sorted(name for name, _ in knowledge.announced.values()),
    }


def _wait_for_kernel(knowledge: Knowledge) -> bool:
    generation = knowledge.generation
    return knowledge.wait_until(lambda: knowledge.enforced >= generation, _KERNEL_SECONDS)


_OPERATIONS = {"add": _add, "delete": _delete, "policy": _policy, "status": _status}
