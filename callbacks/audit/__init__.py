"""The auditor: names what must not be so, and mends what can be mended (docs/audit.md).

`stored` reads, `checks` judges (pure), `run` does both for everybody and keeps the findings, `repair` mends.
"""
