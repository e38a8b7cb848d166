from datetime import timedelta

def timePeriodSeconds(basis: timedelta | float) -> float: ...

class ExpirationTimer:
    duration: timedelta | float | None
    def __init__(self, duration: timedelta | float | None = None) -> None: ...
