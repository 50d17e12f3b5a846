"""Studies: rows x seeds x values, shared by processes, tuned apart, compared with tests."""
