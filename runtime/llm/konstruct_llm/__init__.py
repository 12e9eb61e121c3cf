"""The model service: provider keys, budgets before the call, usage ledger, embeddings."""
