"""The largest difference between our figures and those of independent implementations."""

from collections.abc import Callable, Iterator

import numpy as np
import statsmodels.api as sm
from scipy import stats
from sklearn import metrics as sk
from statsmodels.stats import contingency_tables, inter_rater, multitest, proportion

from bedside.verify import agreement as ours
from bedside.verify.average_precision import average_precision
from bedside.verify.averages import one_against_rest
from bedside.verify.calibration import recalibration
from bedside.verify.delong import delong_test
from bedside.verify.distributions import beta_quantile, t_quantile
from bedside.verify.intervals import macro, wilson
from bedside.verify.metrics import auroc, macro_auroc
from bedside.verify.placements import placements
from bedside.verify.proportions import clopper_pearson, share, simel_ratio
from bedside.verify.two_models import holm, mcnemar

EXACT = 1e-9
N_DATA = 60


def data() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Truth and two scores in (0, 1): every third set is tied, every fourth holds few ill."""
    rng = np.random.default_rng(0)
    for i in range(N_DATA):
        n = int(rng.integers(30, 600))
        ill = rng.random(n) < (0.05 if i % 4 == 0 else 0.4)
        ill[:3], ill[3:6] = True, False
        first = rng.normal(size=n) + ill
        second = first + rng.normal(size=n)
        scores = [1 / (1 + np.exp(-(np.round(s, 1) if i % 3 == 0 else s))) for s in (first, second)]
        yield ill, *scores


def brute_covariance(ill: np.ndarray, scores: list[np.ndarray]) -> np.ndarray:
    """DeLong's covariance from every pair of cases, as his paper defines it."""
    ups, downs = [], []
    for score in scores:
        gap = score[ill][:, None] - score[~ill][None]
        wins = (gap > 0) + 0.5 * (gap == 0)
        ups.append(wins.mean(1))
        downs.append(wins.mean(0))
    return np.cov(np.stack(ups)) / ill.sum() + np.cov(np.stack(downs)) / (~ill).sum()


def medmnist_auc(labels: np.ndarray, score: np.ndarray) -> float:
    """MedMNIST's evaluator, multi-class: the mean over classes of scikit-learn's AUROC of each against the rest.

    Written anew, since the package pulls in torch and a data loader; its own `getAUC` and `getACC` (3.0.2) gave the
    same numbers.
    """
    return float(np.mean([sk.roc_auc_score(labels == k, score[:, k]) for k in range(score.shape[1])]))


def _pairs(ill: np.ndarray, first: np.ndarray, second: np.ndarray) -> Iterator[tuple[str, float, float]]:
    """Name, ours, theirs."""
    called = first >= 0.5
    other = second >= 0.5
    yield "AUROC, scikit-learn", auroc(ill, first), sk.roc_auc_score(ill, first)
    yield "average precision, scikit-learn", average_precision(ill, first), sk.average_precision_score(ill, first)
    yield "MCC, scikit-learn", ours.mcc(ill, called), sk.matthews_corrcoef(ill, called)
    covariance = placements(ill, [first, second]).covariance()  # type: ignore[union-attr]
    brute = brute_covariance(ill, [first, second])
    for i, j in ((0, 0), (1, 1), (0, 1)):
        yield "DeLong covariance, all pairs by definition", float(covariance[i, j]), float(brute[i, j])
    z = (auroc(ill, first) - auroc(ill, second)) / np.sqrt(brute[0, 0] + brute[1, 1] - 2 * brute[0, 1])
    yield "DeLong p-value, all pairs and SciPy", delong_test(ill, first, second).p_value, 2 * stats.norm.sf(abs(z))
    right, right_too = called == ill, other == ill
    table = [[(right & right_too).sum(), (right & ~right_too).sum()],
             [(~right & right_too).sum(), (~right & ~right_too).sum()]]  # fmt: skip
    theirs = contingency_tables.mcnemar(table, exact=True).pvalue
    yield "McNemar exact p-value, statsmodels", mcnemar(right, right_too, tail="exact").p_value, float(theirs)
    n_hits, n = int((called & ill).sum()), int(ill.sum())
    for method, found in (("wilson", wilson(n_hits, n)), ("beta", clopper_pearson(n_hits, n))):
        low, high = proportion.proportion_confint(n_hits, n, method=method)
        yield f"proportion interval ({method}), statsmodels", found.low, low
        yield f"proportion interval ({method}), statsmodels", found.high, high
    cells = [int((called & ill).sum()), n, int((called & ~ill).sum()), int((~ill).sum())]
    if cells[0] and cells[2]:
        risk = sm.stats.Table2x2([[cells[0], n - cells[0]], [cells[2], cells[3] - cells[2]]], shift_zeros=False)
        low, high = risk.riskratio_confint()
        yield "likelihood ratio (Simel), statsmodels", simel_ratio(*cells).low, low
        yield "likelihood ratio (Simel), statsmodels", simel_ratio(*cells).high, high
    yield from _fitted(ill, first)


def _fitted(ill: np.ndarray, score: np.ndarray) -> Iterator[tuple[str, float, float]]:
    logit = np.log(score / (1 - score))
    found = recalibration(ill, score)
    model = sm.Logit(ill.astype(float), sm.add_constant(logit)).fit(disp=0, tol=1e-13, maxiter=200)
    large = sm.GLM(ill.astype(float), np.ones(len(ill)), family=sm.families.Binomial(), offset=logit)
    yield "calibration slope, statsmodels", found.slope.value, float(model.params[1])
    yield "calibration intercept, statsmodels", found.intercept.value, float(large.fit(tol=1e-14).params[0])


def _ordinal() -> Iterator[tuple[str, float, float]]:
    rng = np.random.default_rng(1)
    for _ in range(N_DATA):
        n, k = int(rng.integers(20, 300)), 4
        labels = np.r_[np.arange(k), rng.integers(k, size=n)]
        called = np.clip(labels + rng.integers(-1, 2, size=len(labels)), 0, k - 1)
        score = rng.dirichlet(np.ones(k), size=len(labels)) + 0.3 * np.eye(k)[labels]
        truth = one_against_rest(labels, k)
        for weights, name in (("none", None), ("linear", "linear"), ("quadratic", "quadratic")):
            theirs = sk.cohen_kappa_score(labels, called, weights=name)
            yield "kappa, plain and weighted, scikit-learn", ours.kappa(labels, called, k, weights), theirs
        table = np.bincount(labels * k + called, minlength=k * k).reshape(k, k)
        yield "kappa, statsmodels", ours.kappa(labels, called, k), inter_rater.cohens_kappa(table).kappa
        yield "macro AUROC, MedMNIST's evaluator", macro_auroc(labels, score), medmnist_auc(labels, score)
        top = score.argmax(axis=1)
        mine = share(top == labels, np.ones(len(labels), bool)).value
        yield "accuracy, MedMNIST's evaluator", mine, sk.accuracy_score(labels, top)
        theirs = sk.average_precision_score(truth, score, average="macro")
        yield "macro average precision, scikit-learn", macro(average_precision, truth, score), theirs
        theirs = sk.roc_auc_score(truth, score, average="micro")
        yield "micro AUROC, scikit-learn", auroc(truth.ravel(), score.ravel()), theirs
        p_values = rng.random(8) ** 3
        adjusted = multitest.multipletests(p_values, method="holm")[1]
        yield "Holm, statsmodels", float(np.abs(np.array(holm(p_values.tolist())) - adjusted).max()), 0.0


NDKA = (
    "1w 1i 2w 3i 9w 1i 6w 2i 2w 1i 1w =ww 1w 1i =iw 4w 1i 2w 1i 6w 3i 1w 1i 2w 1i 5w 1i 1w =iw 2w 1i 2w 2i 1w 2i 2w"
    " =iw 2i 3w 1i 4w 4i 2w 1i 3w 4i 2w 1i 1w 1i 1w 1i 1w 1i"
)
"""Ill (i) and well (w) of pROC's aSAH cohort by rising NDKA, "=" for a tie: the operating points in its tests."""


def ranked(cases: str) -> tuple[np.ndarray, np.ndarray]:
    """Truth and rank of each case of such a line."""
    ill, score = [], []
    for place, group in enumerate(cases.split()):
        letters = group[1:] if group[0] == "=" else group[-1] * int(group[:-1])
        for i, letter in enumerate(letters):
            ill.append(letter == "i")
            score.append(place + (0 if group[0] == "=" else i / 100))
    return np.array(ill), np.array(score)


def _published() -> Iterator[tuple[str, float, float]]:
    """WFNS and NDKA of the aSAH cohort (Turck, Intensive Care Med 2010; Robin, BMC Bioinformatics 2011)."""
    grade = np.concatenate([np.repeat(np.arange(5.0), counts) for counts in ((37, 20, 3, 8, 4), (2, 12, 1, 8, 18))])
    published = {
        "WFNS": (np.arange(113) >= 72, grade, (0.748534887819453, 0.823678861788618, 0.898822835757783)),
        "NDKA": (*ranked(NDKA), (0.501244999271703, 0.611957994579946, 0.722670989888189)),
    }
    for name, (ill, score, theirs_all) in published.items():
        found = placements(ill, [score])
        assert found is not None
        area, half = float(found.areas[0]), 1.959963984540054 * float(found.covariance()[0, 0]) ** 0.5
        for mine, theirs in zip((area - half, area, area + half), theirs_all, strict=True):
            yield f"pROC's published aSAH example ({name}), AUROC and DeLong interval", mine, theirs


def _quantiles() -> Iterator[tuple[str, float, float]]:
    for prob in (0.6, 0.95, 0.975, 0.9995):
        for dof in (1.0, 2.5, 7.3, 40.0, 1e4):
            theirs = float(stats.t.ppf(prob, dof))
            yield "Student's quantile (relative), SciPy", t_quantile(prob, dof) / theirs, 1.0
        for a, b in ((1, 5), (10, 3), (900, 20)):
            yield "beta quantile, SciPy", beta_quantile(prob, a, b), float(stats.beta.ppf(prob, a, b))


def largest_differences() -> dict[str, tuple[float, float]]:
    """Largest absolute difference and its tolerance, by what was compared."""
    found: dict[str, float] = {}
    sources: list[Callable[[], Iterator[tuple[str, float, float]]]] = [_published, _ordinal, _quantiles]
    for ill, first, second in data():
        sources.append(lambda cases=(ill, first, second): _pairs(*cases))
    for source in sources:
        for name, mine, theirs in source():
            found[name] = max(found.get(name, 0.0), float(abs(mine - theirs)))
    return {name: (difference, EXACT) for name, difference in found.items()}
