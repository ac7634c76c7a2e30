"""The engine on real parts from the lab: a database server, an Asterisk, phones."""
