"""A simulated kubelet: a process that resolves its gates, polls or listens, and tells of it.

It is a kubelet to whoever looks at it from outside (files, log, metrics, configz, the rhythm of its
reads) and to the runtime (the calls of its PLEG and of what else polls, at their periods). It runs
no pods: those live by themselves in the simulated runtime.
"""
