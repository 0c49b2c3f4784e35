"""Child processes that can be killed and are not trusted: a job that crashes, hangs or is taken over ends alone.

docs/decisions/child-processes.md says why this is written by hand, and what it costs.
"""
