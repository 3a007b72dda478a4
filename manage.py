#!/usr/bin/env python
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callbacksite.settings")
    if sys.argv[1:2] == ["migrate"]:
        # A migration may rightly take longer than any request (settings.py, DATABASE_MAINTENANCE).
        os.environ["DATABASE_MAINTENANCE"] = "true"
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
