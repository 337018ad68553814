"""One page of charts for a stress test: corruptions, attacks, the gate. Works offline, in light and dark."""

from collections.abc import Sequence
from html import escape

from bedside.base.estimate import Estimate
from bedside.bundle.line_chart import Line, line_chart
from bedside.verify.adversarial import AdversarialReport, AttackCurve
from bedside.verify.outliers import GateEvidence
from bedside.verify.robustness import Robustness
from bedside.verify.standing import Standing
from bedside.verify.volume_robustness import VolumeRobustness

Corrupted = Robustness | VolumeRobustness
"""What corruptions take: AUROC of classes, Dice of outlined volumes."""

_CSS = """
:root{color-scheme:light dark;--ink:#1f2937;--paper:#fff;--red:#b91c1c;
--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#a8558a;--c4:#8a6d00;--c5:#6b7280}
@media(prefers-color-scheme:dark){:root{--ink:#e5e7eb;--paper:#111827;--red:#f87171;
--c0:#56b4e9;--c1:#f2955b;--c2:#3fc79e;--c3:#d9a3c4;--c4:#e6c200;--c5:#9ca3af}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);
max-width:62rem;margin:auto;padding:1rem}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:1rem}
svg{width:100%;height:auto;font:9px system-ui,sans-serif;fill:currentColor}svg .t{font-size:11px;font-weight:600}
.g{stroke:currentColor;stroke-opacity:.15}polyline{fill:none;stroke-width:1.6}.b{fill-opacity:.12;stroke:none}
.s0{--c:var(--c0)}.s1{--c:var(--c1)}.s2{--c:var(--c2)}.s3{--c:var(--c3)}.s4{--c:var(--c4)}.s5{--c:var(--c5)}
[class^=s] polyline{stroke:var(--c)}[class^=s] circle,[class^=s] .b{fill:var(--c)}
.s1 polyline{stroke-dasharray:5 3}.s2 polyline{stroke-dasharray:2 2}.s3 polyline{stroke-dasharray:7 2 2 2}
.key span{margin-right:1.2em}.key i{display:inline-block;width:1.4em;height:.35em;background:var(--c);margin-right:.4em}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:.2rem .8rem .2rem 0;text-align:left}
.bad{color:var(--red);font-weight:600}
""".strip()


def stress_page(
    title: str,
    *,
    robustness: Corrupted | None = None,
    adversarial: AdversarialReport | None = None,
    gate: GateEvidence | None = None,
) -> str:
    """Lay out what there is of a stress test as one HTML page."""
    body = [f"<h1>{escape(title)}</h1><p>Research use; not for diagnosis. Bands are 95 % intervals.</p>"]
    if robustness is not None:
        outlines = isinstance(robustness, VolumeRobustness)
        body.append(_outlined(robustness) if outlines else _corruptions(robustness))
    if adversarial is not None:
        body.append(_attacks(adversarial))
    if gate is not None:
        body.append(_gate(gate))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_CSS}</style></head><body>{''.join(body)}</body></html>\n"
    )


_SERIES = ("AUROC, shipped", "AUROC, reference", "sensitivity, shipped", "specificity, shipped")


def _corruptions(found: Robustness) -> str:
    ticks = ["clean", *(str(s) for s in found.severities)]
    charts = []
    for name in found.suite.names:
        rows = [r for r in found.results if r.corruption == name]
        shipped, reference = [found.clean_shipped], [found.clean_reference]
        shipped += [r.shipped for r in rows]
        reference += [r.reference for r in rows]
        charts.append(line_chart(name, ticks, _lines(shipped, reference), x_label="severity"))
    return (
        f"<h2>Spoilt images ({escape(found.suite.modality)})</h2>"
        f"<p>Mean loss of AUROC over all corruptions: shipped {found.mean_shipped_loss}, reference "
        f"{found.mean_reference_loss}; lost by compression {found.mean_excess_loss}. {escape(found.suite.fallback)}</p>"
        f'{_key(_SERIES)}<div class="grid">{"".join(charts)}</div>'
    )


_OUTLINED = ("Dice, shipped", "Dice, its fp32 file")


def _outlined(found: VolumeRobustness) -> str:
    ticks = ["clean", *(str(s) for s in found.severities)]
    charts = []
    for name in found.suite.names:
        rows = [r for r in found.results if r.corruption == name]
        shipped = (found.clean_shipped, *(r.shipped_dice for r in rows))
        own_fp32 = (found.clean_fp32, *(r.fp32_dice for r in rows))
        lines = [Line(name=_OUTLINED[i], points=points, style=i) for i, points in enumerate((shipped, own_fp32))]
        charts.append(line_chart(name, ticks, lines, x_label="severity"))
    return (
        f"<h2>Spoilt volumes ({escape(found.suite.modality)})</h2>"
        f"<p>Mean loss of Dice over all corruptions: shipped {found.mean_shipped_loss}; lost by compression "
        f"{found.mean_excess_loss}. {escape(found.suite.fallback)}</p>"
        f'{_key(_OUTLINED)}<div class="grid">{"".join(charts)}</div>'
    )


def _lines(shipped: Sequence[Standing], reference: Sequence[Standing]) -> list[Line]:
    series: list[list[Estimate]] = [
        [s.auroc for s in shipped], [s.auroc for s in reference], [s.sensitivity for s in shipped],
        [s.specificity for s in shipped],
    ]  # fmt: skip
    return [
        Line(name=name, points=tuple(points), style=i)
        for i, (name, points) in enumerate(zip(_SERIES, series, strict=True))
    ]


def _attacks(found: AdversarialReport) -> str:
    charts = "".join(_curve(curve) for curve in found.curves)
    checks = "".join(
        f"<li{'' if check.passed else ' class=bad'}>{'holds' if check.passed else 'FAILS'}: {escape(check.name)} "
        f"({escape(check.detail)})</li>"
        for check in found.checks
    )
    return (
        "<h2>Attacks</h2><p>The largest change of any pixel, in grey levels of 255.</p>"
        f'{_key(("accuracy", "sensitivity", "specificity"))}<div class="grid">{charts}</div><ul>{checks}</ul>'
    )


def _curve(curve: AttackCurve) -> str:
    lines = [
        Line(name=name, points=tuple(getattr(point, name) for point in curve.points), style=i)
        for i, name in enumerate(("accuracy", "sensitivity", "specificity"))
    ]
    how = "transfer" if curve.access == "transfer" else f"{curve.effort} steps"
    title = f"{curve.attack}, {how}: {curve.victim}"
    return line_chart(
        title if curve.access != "transfer" else f"{title} (transfer)",
        [str(p.eps_levels) for p in curve.points],
        lines,
        x_label="grey levels",
    )


def _gate(found: GateEvidence) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{kind.auroc}</td><td>{kind.referred_frac}</td></tr>"
        for name, kind in found.kinds.items()
    )
    return (
        f"<h2>Odd cases at the gate</h2><p>Suitable cases referred for nothing: {found.refer_frac}.</p>"
        f"<table><tr><th>kind</th><th>AUROC</th><th>share referred</th></tr>{rows}</table>"
    )


def _key(names: Sequence[str]) -> str:
    spans = (f'<span class="s{i}"><i></i>{name}</span>' for i, name in enumerate(names))
    return f'<p class="key">{"".join(spans)}</p>'
