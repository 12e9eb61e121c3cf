"""Many tenants with a Slack workspace each, for campaigns."""

from uuid import UUID, uuid4

from nacl.public import PrivateKey

from konstruct_registry.seals import seal
from konstruct_registry.snapshot import TenantSnapshot
from support.build import agent_snapshot, connection_snapshot, tenant_snapshot


def slack_tenant(
    number: int, key: PrivateKey, *, team: str, token: str, secret: str = "s"
) -> TenantSnapshot:
    """Return a tenant with the Slack connection `team`, its credentials sealed to `key`."""
    tenant_id = UUID(int=uuid4().int)
    return tenant_snapshot(
        tenant_id=tenant_id,
        name=f"tenant-{number}",
        uid=f"uid-{number}",
        agents=(agent_snapshot(tenant_id=tenant_id),),
        connections=(
            connection_snapshot(
                tenant_id=tenant_id,
                name="team",
                type="Slack",
                config={"appId": "A0KONSTRUCT", "teamId": team},
            ),
        ),
        secrets=(
            seal(
                {"botToken": token, "signingSecret": secret},
                recipient=key.public_key,
                tenant_id=tenant_id,
                object_name="ChannelConnection/team",
                purpose="channel",
                secret_uid="u",
                secret_resource_version="1",
            ),
        ),
    )
