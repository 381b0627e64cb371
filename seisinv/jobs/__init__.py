"""Jobs: settings, what is chosen and built from them, and one module for each command."""
