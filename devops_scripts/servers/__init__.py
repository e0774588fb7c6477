"""Real servers on this machine, for the tests and for playing: MariaDB, MySQL, Apache Kafka.

The standard library alone, so that the servers can be had before anything is installed. Each runs
on loopback from a folder of its own and is stopped by its process; nothing of the system is used
but its packages.
"""
