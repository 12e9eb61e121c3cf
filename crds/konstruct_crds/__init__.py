"""The Konstruct API: pydantic models of the four kinds and the CRD YAML generated from them."""
