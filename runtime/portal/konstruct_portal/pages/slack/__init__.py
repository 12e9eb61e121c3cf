"""Installing the platform's shared Slack app by a click."""
