"""What every route shares: bodies and their limits, errors, rates, metrics, health."""
