"""What one look for a flaw gives: edits that are made together or not at all, or none and why."""

from msa.fix.edit import Edit, Suppressed

Remedy = tuple[Edit, ...] | Suppressed
