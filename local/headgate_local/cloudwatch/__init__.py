"""The local CloudWatch: metrics, alarms that are evaluated on a clock, and what follows when one changes."""
