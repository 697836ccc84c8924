"""The shape of the YAML, one module a kind: what may be written, checked by pydantic."""
