"""The whole engine over a simulated fleet, in virtual time, with seeded faults."""
