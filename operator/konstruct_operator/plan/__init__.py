"""What a tenant's children shall look like: pure builders, one for each child.

`children` is the list of them; `registry` builds what the gateway shall know. Nothing here reads a
clock, a random number or the network: the same observation gives the same plan.
"""
