"""Facts about this machine, under a root: control groups, processes, log files. Only reads."""
