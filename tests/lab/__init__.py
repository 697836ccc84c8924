"""A laboratory of real libvirt hosts, side by side in namespaces of this one machine."""
