"""Slack: direct messages and mentions in channels."""
