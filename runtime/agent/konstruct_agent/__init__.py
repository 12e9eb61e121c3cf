"""The tenant's pod: claim a turn, think, use tools, answer.

Here belong the turn loop, the prompt, the built-in tools and the disclosure that this is an AI.
Here never belong a database, channels, provider keys or cluster credentials: the pod knows its
tenant's work token, the gateway's work API and the model service, and nothing else.
"""
