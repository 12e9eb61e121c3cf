"""The Konstruct API: pydantic models of the four kinds and the CRD YAML generated from them.

Here belong the shape of Tenant, Agent, ChannelConnection and AgentTemplate, every rule on them, and
the pure helpers for their conditions. Here never belongs what the operator does about them, nor
anything that talks to a cluster.
"""

from konstruct_crds.agent import Agent
from konstruct_crds.connection import ChannelConnection
from konstruct_crds.documents import crd_documents
from konstruct_crds.metadata import API_VERSION
from konstruct_crds.template import AgentTemplate
from konstruct_crds.tenant import Tenant
from konstruct_crds.validation import Problem, validate, with_defaults

__all__ = [
    "API_VERSION",
    "Agent",
    "AgentTemplate",
    "ChannelConnection",
    "Problem",
    "Tenant",
    "crd_documents",
    "validate",
    "with_defaults",
]
