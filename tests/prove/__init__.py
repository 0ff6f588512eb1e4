"""What every role of the template may do, compared with what it does: `make prove`."""
