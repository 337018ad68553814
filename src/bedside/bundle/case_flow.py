"""Who was assessed, who was left out and why, and who was evaluated: the flow diagram of a diagnostic-accuracy study.

As STARD 2015 (Bossuyt et al., BMJ 2015;351:h5527) asks for it, with cases (images) as the unit.
"""

from dataclasses import dataclass

from bedside.bundle.flow_drawing import Box, boxes_svg
from bedside.bundle.report_data import ReportData
from bedside.bundle.report_figure import FigureTable, ReportFigure
from bedside.bundle.wording import counted, shortened
from bedside.verify.evidence import Evidence

NAME = "case-flow"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFlow:
    """Cases on their way from the source to the evaluation.

    Parameters
    ----------
    left_out
        Cases by reason.
    parts
        Cases in use by part; ``observation`` is a subset of ``development``.
    called
        Cases evaluated by (truth, call); empty where a case is not in one class.
    n_set_aside
        Files, rows and marks that the source could not make into cases.
    """

    n_assessed: int
    left_out: dict[str, int]
    parts: dict[str, int]
    n_evaluated: int
    n_units: int
    called: dict[tuple[str, str], int]
    n_set_aside: int = 0

    @property
    def n_in_use(self) -> int:
        """Cases in one of the three parts."""
        return sum(n for part, n in self.parts.items() if part != "observation")

    @property
    def n_right(self) -> int:
        """Cases whose call is the truth."""
        return sum(n for (truth, call), n in self.called.items() if truth == call)


def case_flow(data: ReportData) -> CaseFlow:
    """Count from the audit, the split and the evaluation."""
    audit, names = data.audit, data.task.classes
    in_use = sum(n for part, n in data.cohort.parts.items() if part != "observation")
    n_unreadable = max(0, audit.n_cases - in_use - len({*audit.constant, *audit.dropped}))
    left_out = {
        "unreadable file": n_unreadable,
        "constant image": len(audit.constant),
        "dropped to mend a leak": len(audit.dropped),
    }
    confusion = data.evidence.shipped.confusion if isinstance(data.evidence, Evidence) else ()
    return CaseFlow(
        n_assessed=audit.n_cases,
        left_out=left_out,
        parts=dict(data.cohort.parts),
        n_evaluated=data.evidence.n_cases,
        n_units=data.evidence.n_patients,
        n_set_aside=max(0, len(audit.unreadable) - n_unreadable),
        called={(names[t], names[c]): n for t, row in enumerate(confusion) for c, n in enumerate(row)},
    )


def flow_figure(data: ReportData) -> ReportFigure:
    """Draw the flow, with its numbers."""
    flow = case_flow(data)
    alt = (
        f"Flow of cases: {flow.n_assessed:,} assessed, {sum(flow.left_out.values()):,} left out, "
        f"{flow.n_in_use:,} in use, {flow.n_evaluated:,} evaluated"
        + (f", {flow.n_right:,} of them called rightly" if flow.called else "")
    )
    return ReportFigure(
        name=NAME,
        title="Flow of cases",
        caption="Cases from the source to the one evaluation of the shipped model.",
        svg=boxes_svg(_boxes(flow), name=NAME, alt=alt),
        table=flow_table(flow),
    )


def flow_table(flow: CaseFlow) -> FigureTable:
    """List every count of the diagram."""
    rows = [("set aside by the source", "files, rows and marks", flow.n_set_aside)] if flow.n_set_aside else []
    rows += [("assessed", "", flow.n_assessed)]
    rows += [("left out", reason, n) for reason, n in flow.left_out.items()]
    rows += [("in use", part, n) for part, n in flow.parts.items()]
    rows += [("evaluated", "cases", flow.n_evaluated), ("evaluated", "independent units", flow.n_units)]
    rows += [("called", f"truth {truth}, called {call}", n) for (truth, call), n in flow.called.items()]
    return FigureTable(columns=("step", "what", "n"), rows=tuple(rows))


def _boxes(flow: CaseFlow) -> tuple[Box, ...]:
    observed = flow.parts.get("observation", 0)
    n_left_out = sum(flow.left_out.values())
    return (
        Box(x=0, y=0, width=225, lines=_assessed(flow)),
        Box(
            x=255,
            y=0,
            width=225,
            lines=(f"Left out: {n_left_out:,}", *(f"{reason}: {n:,}" for reason, n in flow.left_out.items())),
            beside=True,
        ),
        Box(x=0, y=105, width=225, lines=("In use", counted(flow.n_in_use, "case", "cases"))),
        Box(
            x=0,
            y=185,
            width=150,
            lines=("Development", f"{flow.parts.get('development', 0):,}", f"ranges observed: {observed:,}"),
        ),
        Box(x=165, y=185, width=150, lines=("Tuning", f"{flow.parts.get('tuning', 0):,}", "to choose")),
        Box(x=330, y=185, width=150, lines=("Test", f"{flow.parts.get('test', 0):,}", "sealed")),
        Box(x=150, y=290, width=330, lines=_evaluated(flow)),
    )


def _assessed(flow: CaseFlow) -> tuple[str, ...]:
    aside = (f"set aside before: {flow.n_set_aside:,}",) if flow.n_set_aside else ()
    return ("Assessed", counted(flow.n_assessed, "case", "cases"), *aside)


def _evaluated(flow: CaseFlow) -> tuple[str, ...]:
    head = f"{flow.n_evaluated:,} cases, {flow.n_units:,} independent units"
    if len(flow.called) > 4:
        return ("Evaluated once", head, f"called rightly: {flow.n_right:,} of {flow.n_evaluated:,}")
    calls = (f"{shortened(truth, 16)} called {shortened(call, 16)}: {n:,}" for (truth, call), n in flow.called.items())
    return ("Evaluated once", head, *calls)
