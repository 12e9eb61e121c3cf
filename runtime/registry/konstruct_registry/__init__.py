"""What the runtime knows of a tenant: the snapshot the operator writes and the runtime reads.

Here belong the wire models of the registry API and the seals of its secrets. Here never belong
Kubernetes objects (the operator translates them) and messages.
"""
