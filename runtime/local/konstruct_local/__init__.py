"""`konstruct`: the whole product in one process, resources from a folder of YAML."""
