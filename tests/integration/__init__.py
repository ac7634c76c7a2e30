"""The engine on real parts: MariaDB and Asterisk from the lab."""
