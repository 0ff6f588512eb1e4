"""Jobs: what runs to an end in containers."""
