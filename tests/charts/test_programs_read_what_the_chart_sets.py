"""Every environment variable that the chart gives a program is a setting of that program."""

from typing import Any

import pytest
from pydantic_settings import BaseSettings

from konstruct_gateway.settings import GatewaySettings
from konstruct_llm.settings import LlmSettings
from konstruct_operator.settings import OperatorSettings
from konstruct_portal.settings import PortalSettings
from support.helm import CHART, supported, template

pytestmark = pytest.mark.process

SETTINGS: dict[str, type[BaseSettings]] = {
    "gateway": GatewaySettings,
    "llm": LlmSettings,
    "operator": OperatorSettings,
    "portal": PortalSettings,
}
PREFIX = "KONSTRUCT_"


@pytest.mark.parametrize("values", supported(), ids=lambda path: path.stem)
def test_every_variable_is_a_setting(values: Any) -> None:
    unread = []
    for one in template(CHART, "--values", values):
        name = one["metadata"]["name"].removeprefix("konstruct-")
        if one["kind"] != "Deployment" or name not in SETTINGS:
            continue
        known = {f"{PREFIX}{field.upper()}" for field in SETTINGS[name].model_fields}
        (container,) = one["spec"]["template"]["spec"]["containers"]
        named = {variable["name"] for variable in container["env"]}
        # What only helps to compose a URL is used in another variable.
        text = str(container["env"])
        unread += [
            f"{name}: {variable}"
            for variable in sorted(named - known)
            if variable.startswith(PREFIX) and f"$({variable})" not in text
        ]
    assert not unread
