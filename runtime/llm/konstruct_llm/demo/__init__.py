"""The demo model: a scripted dialogue without key, account or network, and it says so.

Pure and deterministic: the same conversation gives the same reply. Here never belong litellm (the
adapter is in `konstruct_llm.vendor`) and anything that pretends to be a real model.
"""
