"""The page is whole, says what its charts show, and shows a failed check as one."""

from html.parser import HTMLParser

from bedside.base.estimate import Estimate
from bedside.bundle.line_chart import Line, line_chart
from bedside.bundle.stress_page import stress_page
from bedside.data.corrupting_volumes import volume_suite
from bedside.data.corruptions import suite_for
from bedside.verify.adversarial import AdversarialReport, AttackCurve, AttackPoint, SanityCheck
from bedside.verify.outliers import GateEvidence, OutlierKind
from bedside.verify.robustness import CorruptionResult, Robustness
from bedside.verify.standing import Standing
from bedside.verify.volume_robustness import SpoiltVolumes, VolumeRobustness


def estimate(value: float) -> Estimate:
    return Estimate(value=value, low=max(0.0, value - 0.1), high=min(1.0, value + 0.1), n_patients=50)


def standing(value: float) -> Standing:
    return Standing(auroc=estimate(value), accuracy=estimate(value), sensitivity=estimate(value),
                    specificity=estimate(value))  # fmt: skip


def robustness() -> Robustness:
    suite = suite_for("OCT")
    results = tuple(
        CorruptionResult(
            corruption=name, severity=s, shipped=standing(0.9 - 0.1 * s), reference=standing(0.9),
            shipped_loss=estimate(0.1), reference_loss=estimate(0.05), excess_loss=estimate(0.05),
        )
        for name in suite.names
        for s in (1, 5)
    )  # fmt: skip
    return Robustness(
        suite=suite, severities=(1, 5), clean_shipped=standing(0.9), clean_reference=standing(0.9), results=results,
        of_corruption={name: estimate(0.05) for name in suite.names}, mean_shipped_loss=estimate(0.1),
        mean_reference_loss=estimate(0.05), mean_excess_loss=estimate(0.05), n_cases=100, n_patients=50, seed=0,
    )  # fmt: skip


def volumes() -> VolumeRobustness:
    suite = volume_suite("CT")
    results = tuple(
        SpoiltVolumes(
            corruption=name, severity=s, shipped_dice=estimate(0.9 - 0.1 * s), fp32_dice=estimate(0.9),
            shipped_loss=estimate(0.1), excess_loss=estimate(0.05),
        )
        for name in suite.names
        for s in (1, 5)
    )  # fmt: skip
    return VolumeRobustness(
        suite=suite, severities=(1, 5), clean_shipped=estimate(0.9), clean_fp32=estimate(0.9), results=results,
        of_corruption={name: estimate(0.05) for name in suite.names}, mean_shipped_loss=estimate(0.123),
        mean_excess_loss=estimate(0.05), n_cases=100, n_patients=50, seed=0,
    )  # fmt: skip


def adversarial() -> AdversarialReport:
    points = tuple(
        AttackPoint(eps_levels=e, accuracy=estimate(a), sensitivity=estimate(a), specificity=estimate(a))
        for e, a in ((0, 0.9), (8, 0.5))
    )
    curve = AttackCurve(attack="square", access="black-box", victim="a & <b>", effort=300, points=points)
    checks = (
        SanityCheck(name="falls", passed=False, detail="0.5 left"),
        SanityCheck(name="other", passed=True, detail=""),
    )
    return AdversarialReport(curves=(curve,), checks=checks, n_cases=100, n_patients=50, seed=0)


class Balanced(HTMLParser):
    """Fails on a tag that is closed out of turn; keeps the text."""

    void = ("meta", "br", "polyline", "polygon", "line", "circle")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.seen.append(tag)
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


def test_the_page_is_balanced_and_self_contained() -> None:
    gate = GateEvidence(refer_frac=estimate(0.02), kinds={"upside down": OutlierKind(
        auroc=estimate(0.95), referred_frac=estimate(0.8), n_images=10)}, n_images=10)  # fmt: skip
    page = stress_page("A <test>", robustness=robustness(), adversarial=adversarial(), gate=gate)
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert parser.seen.count("svg") == len(suite_for("OCT").names) + 1
    assert "A &lt;test&gt;" in page
    assert "a &amp; &lt;b&gt;" in page
    assert "general set stands in" in page
    assert "upside down" in page
    assert not any(word in page for word in ("<script", "src=", "href=", "url("))


def test_outlined_volumes_have_a_chart_of_dice_each() -> None:
    page = stress_page("t", robustness=volumes())
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert parser.seen.count("svg") == len(volume_suite("CT").names)
    for words in ("Spoilt volumes (CT)", "Dice, shipped", "Dice, its fp32 file", "0.123"):
        assert words in page, words


def test_a_failed_check_stands_out() -> None:
    page = stress_page("t", adversarial=adversarial())
    assert page.count("<li class=bad>FAILS") == 1
    assert page.count("<li>holds") == 1


def test_a_chart_tells_its_numbers_in_words_and_leaves_out_what_is_not_known() -> None:
    unknown = Estimate(value=float("nan"), low=0, high=1, n_patients=0)
    chart = line_chart("t", ["a", "b"], [Line(name="one", points=(estimate(0.25), unknown))], x_label="x")
    assert "one: 0.250, nan" in chart
    assert chart.count("<circle") == 1
    assert "NaN" not in chart.replace("nan</title>", "")
