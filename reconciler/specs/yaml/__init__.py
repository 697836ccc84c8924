"""YAML as text with places: nodes that know where they were written, and bounds on what is read."""
