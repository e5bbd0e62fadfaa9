"""The load generator: Locust in a process of its own, told what to do over its standard input (``job.py``)."""
