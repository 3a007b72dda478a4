"""Long work that supervisors ask for: many callbacks cancelled, and a list given out as a file (docs/bulk.md)."""
