"""Status notifications: other systems are told what happens to a callback, as it happens.

`events` derives from a decision what there is to tell and `reports` says what a service wants told (both pure);
`configuration` reads that from options and lists, `outbox` stores it with the decision, `deliveries` sends it,
`resending` sends again what was parked.
"""
