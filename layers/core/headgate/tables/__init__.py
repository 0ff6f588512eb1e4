"""Tables on disk: the adapter around DuckDB, and the only place that imports it."""
