"""The side-by-side experiment: what polling and events cost this node, measured on it."""
