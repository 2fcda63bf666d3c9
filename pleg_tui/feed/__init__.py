"""Starts and guards a collector, decodes its frames, owns the live state."""
