"""Configuration as code: the file, what it changes, and how everything is exported again (docs/configuration.md)."""
