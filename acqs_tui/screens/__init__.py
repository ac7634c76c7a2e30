"""What opens over the panes; the panes live on below."""
