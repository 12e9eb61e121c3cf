"""The gateway: public sockets and webhooks, the internal work and registry API, sender, sweeper.

Here belongs what stands between people's channels and the tenants' agents: it acknowledges what is
committed and nothing else. Here never belong Kubernetes, models or provider keys.

    chat        web chat: tickets, sockets, who hears what
    work        the agents' API: claims, steps, deltas, endings
    registry    what the operator pushes, and the view of it that everything else reads
    background  sender, sweeper, the notice that an answer comes later
    edge        what every route shares: bodies, errors, rates, metrics, health
"""
