"""Simulated hosts: the embedded default, persistent and honest about failures.

world   what is true of a host, and what can happen to it (pure)
script  which effects an action is made of (pure)
view    what one fleet sees of it (pure)
clock   how long an effect takes, in virtual time
store   where the truth is kept
pulse   hear that the truth has changed
host    the actuator
interfere   a human's hand on a simulated host
"""

from __future__ import annotations

from reconciler.actuators.sim.host import open_sim

__all__ = ["open_sim"]
