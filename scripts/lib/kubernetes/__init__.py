"""The cluster's configuration as a cluster would see it, and the rules that it must keep."""
