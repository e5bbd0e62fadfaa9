"""How many shoppers look around while the profile lasts."""

from math import ceil

from locust import LoadTestShape

from .job import Job, height

SPAWNED_PER_S = 100.0


class ProfileShape(LoadTestShape):
    """A run's profile as Locust sees it: those who only look come and go with the rate of orders."""

    def __init__(self, job: Job) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Locust has no types here
        self._job = job

    def tick(self) -> tuple[int, float] | None:
        at_s = self.get_run_time()  # type: ignore[no-untyped-call]  # nor here
        if at_s >= self._job.duration_s:
            return None
        polling = len(self._job.channels)
        return ceil(height(self._job.shape, at_s)) + polling, SPAWNED_PER_S
