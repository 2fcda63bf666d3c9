"""A simulated runtime: a real gRPC server on a unix socket, labelled as simulated."""
