"""What a search is asked for."""

from dataclasses import dataclass, field, replace

from bedside.base.errors import InputError
from bedside.compress.search.brief import SearchPlan
from bedside.compress.search.goals import check_costs
from bedside.compress.search.journal import SAMPLERS, SamplerName
from bedside.compress.search.sketching import ELASTIC
from bedside.compress.search.spaces import FREE_ELASTIC, SHARED_ELASTIC
from bedside.train.elastic_space import ElasticSpace

PRECISIONS = ("int8", "fp32")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """What is searched, and how.

    Parameters
    ----------
    families
        ``elastic``, whose networks are spelled out gene by gene, or whole families.
    blocks, gates
        Kinds of block and of attention of the elastic networks, of `bedside.train.genome.KINDS` and `ATTENTIONS`; by
        default those of the space.
    resolutions_px
        Sides of the input; by default all, three quarters and half of what the cohort suits.
    costs
        Objectives beside quality, of ``latency``, ``size``, ``memory``, ``energy``.
    quality
        ``supernet`` trains shared weights once and scores candidates with them (elastic networks only); ``fit`` fits
        each candidate for `fit_epochs`.
    supernet_images
        Images that the supernet sees while it is trained.
    kept_fracs
        Shares of the multiply-accumulates that a pruning step may leave.
    precisions
        Of ``int8`` and ``fp32``; with both a candidate in int8 is scored as its file would answer.
    ray
        Address of a Ray cluster that judges candidates.
    n_finalists
        Candidates of the front that go on through the hall.
    """

    families: tuple[str, ...] = (ELASTIC,)
    elastic: ElasticSpace | None = None
    blocks: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    resolutions_px: tuple[int, ...] = ()
    costs: tuple[str, ...] = ("latency", "size")
    quality: str = "supernet"
    supernet_images: int = 120_000
    fit_epochs: int = 8
    kept_fracs: tuple[float, ...] = (1.0,)
    precisions: tuple[str, ...] = ("int8",)
    sampler: SamplerName = "tpe"
    plan: SearchPlan = field(default_factory=SearchPlan)
    ray: str | None = None
    n_finalists: int = 3

    @property
    def genes(self) -> ElasticSpace:
        """The elastic space that was asked for, or the one that suits the oracle.

        Raises
        ------
        RecipeError
            If a block or a gate is unknown.
        """
        usual = self.elastic or (SHARED_ELASTIC if self.quality == "supernet" else FREE_ELASTIC)
        return replace(usual, kinds=self.blocks or usual.kinds, attentions=self.gates or usual.attentions)

    def __post_init__(self) -> None:
        check_costs(self.costs)
        _ = self.genes  # an unknown block says so before anything is read
        if (self.blocks or self.gates) and ELASTIC not in self.families:
            raise InputError(f"blocks and gates for {', '.join(self.families)}", expected="the family elastic",
                             hint="leave --blocks and --gates out")  # fmt: skip
        if not self.precisions or not set(self.precisions) <= set(PRECISIONS):
            raise InputError(f"precisions {self.precisions}", expected="some of " + ", ".join(PRECISIONS),
                             hint="int8 is usual")  # fmt: skip
        if self.sampler not in SAMPLERS:
            raise InputError(f"no sampler called {self.sampler!r}", expected="one of " + ", ".join(SAMPLERS),
                             hint="tpe is the default")  # fmt: skip
        if self.quality not in ("supernet", "fit"):
            raise InputError(f"quality by {self.quality!r}", expected="supernet or fit", hint="see --quality")
        if self.quality == "supernet" and (set(self.families) != {ELASTIC} or set(self.kept_fracs) != {1.0}):
            raise InputError(
                f"a supernet cannot score {', '.join(self.families)} with {self.kept_fracs} of the work left",
                expected="the family elastic, nothing pruned", hint="use --quality fit for other spaces",
            )  # fmt: skip
