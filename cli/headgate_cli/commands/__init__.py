"""The commands, a module for each group. They read the command line, call one use case and show its result."""
