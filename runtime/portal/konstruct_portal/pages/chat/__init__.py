"""Talking to an agent."""
