"""The crash test: people play while programs, servers and the network between them fail.

Afterwards the record and the people's eyes must agree. A seed decides who does what and what breaks when; how the two
meet is up to the machine. Everything is real: servers, bots and workers are processes of this machine.
"""

from tests.journeys.chaos.breaker import EVERYTHING, KILLS
from tests.journeys.chaos.plan import Plan, Report
from tests.journeys.chaos.run import chaos

__all__ = ["EVERYTHING", "KILLS", "Plan", "Report", "chaos"]
