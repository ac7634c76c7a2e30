"""The sender claims rows and delivers each through a child session of its own."""
