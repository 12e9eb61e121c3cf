"""The operator: turns Tenants, Agents and ChannelConnections into namespaces, pods and registry entries."""
