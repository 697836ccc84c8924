"""Where YAML comes from."""
