"""The vocabulary of the message path: pure values, no I/O.

Here belong the words that more than one room says about a message: what came in, what a turn is,
how it ends, what a reply looks like, and the two signed credentials of web chat. Here never belong
SQL, HTTP, Kubernetes, or anything that only one room needs.
"""
