"""python -m tests.simulation is scripts/simulate."""

import sys

from tests.simulation.command import main

sys.exit(main(sys.argv[1:]))
