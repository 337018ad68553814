"""What a run knows about itself, in sentences that checklists can hold; measured times stay out of them."""

from collections.abc import Mapping

from bedside.bundle.pack.cohort_facts import COHORT_FACTS
from bedside.bundle.pack.evidence_facts import EVIDENCE_FACTS
from bedside.bundle.pack.fact import Fact
from bedside.bundle.pack.model_facts import MODEL_FACTS
from bedside.bundle.report_data import ReportData


def facts_of(data: ReportData) -> Mapping[str, Fact]:
    """Return every fact by its name, the name that the checklists use."""
    return {name: make(data) for name, make in {**COHORT_FACTS, **MODEL_FACTS, **EVIDENCE_FACTS}.items()}
