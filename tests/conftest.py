"""Fixtures for every room; each family lives in a module of `support`."""

from support.cluster import cluster, cluster_with_crds

__all__ = [
    "cluster",
    "cluster_with_crds",
]
