"""The sample world: source systems with their real wire formats, seeded, and the truth about every planted fault."""
