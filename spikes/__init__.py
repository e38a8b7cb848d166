"""Spikes: an event sourced note backend that emulates Akka Persistence on Thespian actors."""

__version__ = "0.1.0"
