"""The tenant's pod: claim a turn, think, use tools, answer."""
