"""Worker processes that can be killed: a job that crashes or hangs ends alone."""
