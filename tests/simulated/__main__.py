"""Say what the simulator is compared with, and what not."""

from tests.simulated.coverage import lines

print("\n".join(lines()))
