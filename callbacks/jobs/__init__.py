"""Long work that supervisors ask for: many callbacks cancelled at once, and a list given out as a file (docs/bulk.md)."""
