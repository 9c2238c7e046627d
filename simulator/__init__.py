"""The sample world: two systems with their real wire formats, seeded, and the truth about every planted fault."""
