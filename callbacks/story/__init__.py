"""What one callback's page tells: its time as a picture, what the customer heard, and why they were (not) called.

Pure: from journal entries and attempts, stored ones or those that `callbacks.walk` thought of.
"""
