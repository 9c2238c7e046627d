"""What people and programs read with: rooms that open the published copy, and compute no business rule."""
