"""The operator: turns declared tenants into namespaces, pods and registry entries.

Layers, from the edge inwards: handlers > reconcile > cluster | registry | plan | checks > observed
> names, settings, errors. Here never belong messages, a database, or a private key of the seals.
"""
