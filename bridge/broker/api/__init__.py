"""The requests: fields in, fields out; one module for each thing they concern."""
