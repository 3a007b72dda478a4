"""Every sound a tone of its own, in Hz, so that each recording shows who was heard when."""

CONNECT, WAITING, CUSTOMER, AGENT = 600.0, 880.0, 1300.0, 440.0
