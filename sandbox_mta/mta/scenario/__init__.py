"""Which outcome a delivery has: what its address asks for, what the rules say, or a delivery."""

from sandbox_mta.mta.scenario.deciding import Scenario

__all__ = ["Scenario"]
