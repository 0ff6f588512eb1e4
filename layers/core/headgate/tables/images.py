"""Images as rows of pixels."""

LABEL = "label"
