"""Fixtures for every room; each family lives in a module of `support`."""

from support.cluster import cluster, cluster_with_crds
from support.node import images, node_cluster
from support.postgres import (
    database,
    gateway_store,
    llm_store,
    portal_store,
    postgres_server,
)

__all__ = [
    "cluster",
    "cluster_with_crds",
    "database",
    "gateway_store",
    "images",
    "llm_store",
    "node_cluster",
    "portal_store",
    "postgres_server",
]
