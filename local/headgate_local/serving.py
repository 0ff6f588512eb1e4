"""An endpoint's container: serves one model on loopback until its stdin ends.

    python -m headgate_local.serving FOLDER

FOLDER is an unpacked model.tar.gz. Prints ``{"port": N}`` once it can answer; says on stderr why it cannot.
"""
