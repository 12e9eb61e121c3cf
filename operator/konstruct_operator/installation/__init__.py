"""What the chart's hook Jobs run: `python -m konstruct_operator.installation COMMAND`."""
