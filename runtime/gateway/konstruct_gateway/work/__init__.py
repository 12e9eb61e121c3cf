"""The agents' API: claims, heartbeats, steps, deltas, endings."""
