"""What a database is, and what is wrong with it: `examine` reads, `model` has the values that it returns."""

from store.doctor.examine import Further, examine
from store.doctor.model import Finding, Report, Section, Severity

__all__ = ["Finding", "Further", "Report", "Section", "Severity", "examine"]
