"""Every name the operator writes or reads: labels, annotations, children, ids. Pure."""

import uuid
from typing import Final

GROUP: Final = "konstruct.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
FIELD_MANAGER: Final = "konstruct-operator"

TENANT: Final = "Tenant"
AGENT: Final = "Agent"
CONNECTION: Final = "ChannelConnection"
TEMPLATE: Final = "AgentTemplate"

LABEL_TENANT: Final = "konstruct.dev/tenant"
LABEL_USE: Final = "konstruct.dev/use"
LABEL_WRITTEN_BY: Final = "konstruct.dev/written-by"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_COMPONENT: Final = "app.kubernetes.io/component"
MANAGED_BY: Final = "konstruct-operator"
CHILD_SELECTOR: Final = f"{LABEL_MANAGED_BY}={MANAGED_BY},{LABEL_TENANT}"

ANNOTATION_CREATED: Final = "konstruct.dev/created-by"
ANNOTATION_FORCE_DELETE: Final = "konstruct.dev/force-delete"
ANNOTATION_CONFIG_HASH: Final = "konstruct.dev/config-hash"
ANNOTATION_SECRETS_HASH: Final = "konstruct.dev/secrets-hash"
ANNOTATION_TOKEN_HASH: Final = "konstruct.dev/work-token-sha256"  # noqa: S105 - a key, no secret
ANNOTATION_OLD_TOKEN_HASH: Final = "konstruct.dev/previous-work-token-sha256"  # noqa: S105 - a key
ANNOTATION_SECRETS_USED: Final = "konstruct.dev/secrets-used"
ANNOTATION_PLATFORM: Final = "konstruct.dev/platform-template"
ANNOTATION_PLATFORM_SINCE: Final = "konstruct.dev/platform-since"

FINALIZER: Final = "konstruct.dev/tenant"

OPERATOR_BINDING: Final = "konstruct-operator"
TENANT_CLUSTER_ROLE: Final = "konstruct-operator-tenant"
AGENT_NAME: Final = "konstruct-agent"
WORK_TOKEN_SECRET: Final = "konstruct-work-token"  # noqa: S105 - a Secret's name
WORK_TOKEN_KEY: Final = "token"  # noqa: S105 - a key of a Secret
POLICY_DENY: Final = "konstruct-default-deny"
POLICY_PLATFORM: Final = "konstruct-agent-platform"
POLICY_TOOLS: Final = "konstruct-agent-tools"
LEASE: Final = "konstruct-operator"
CANARY: Final = "konstruct-operator-canary"
ERASE_ORDER_PREFIX: Final = "konstruct-erase-"
LABEL_ERASE_ORDER: Final = "konstruct.dev/erase-order"
CANARY_LABEL: Final = "konstruct.dev/canary"

AGENT_LABELS: Final = {LABEL_NAME: "konstruct", LABEL_COMPONENT: "agent"}


def namespace_of(tenant_name: str, declared: str) -> str:
    """Return the namespace of a tenant: the `declared` one, else the one the operator creates."""
    return declared or f"tenant-{tenant_name}"


def agent_id(tenant_id: uuid.UUID, name: str) -> uuid.UUID:
    """Return the stored id of an Agent, as konstruct_messages.identity derives it."""
    return uuid.uuid5(tenant_id, f"agent/{name}")


def connection_id(tenant_id: uuid.UUID, name: str) -> uuid.UUID:
    """Return the stored id of a ChannelConnection, as konstruct_messages.identity derives it."""
    return uuid.uuid5(tenant_id, f"connection/{name}")
