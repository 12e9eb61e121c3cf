"""The channels: one folder per channel, unaware of each other.

A channel's `spec` says what its connection declares (config model, secret keys) and its limits;
`inbound` is pure and turns what arrived into one normalised message, an ignored delivery or a
refusal; `outbound` alone may use the vendor's library. Here never belong SQL, Kubernetes or the
registry: what others need of a channel is data made from its `spec` (`python -m konstruct_channels
specs`).
"""
