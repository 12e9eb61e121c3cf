"""The model service: an OpenAI-compatible API with budgets, over litellm.

Here belong provider keys, the model pool, budgets before a call and the ledger after it, and the
demo model. `konstruct_llm.vendor` is the only module of the product that imports litellm, and it is
imported late, because that takes seconds. Here never belong messages' origins, channel
credentials or cluster rights.
"""
