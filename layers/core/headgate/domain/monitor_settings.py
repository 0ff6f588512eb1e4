"""What project.yaml says of the monitor of an endpoint's requests."""

from pydantic import Field

from headgate.domain.margins import Margins
from headgate.domain.section import Section


class MonitorSettings(Section):
    """What is watched of an endpoint's requests."""

    enabled: bool = Field(default=True, description="whether captured requests are compared with the training data")
    rows: int = Field(default=1000, ge=100, le=1_000_000, description="rows that complete a window")
    minutes: int = Field(
        default=1440, ge=1, le=43200, description="time after which a window is complete with fewer rows"
    )
    min_rows: int = Field(default=200, ge=50, description="rows below which nothing is judged: the window stays open")
    max_psi: float = Field(
        default=0.1, gt=0, description="population stability index from which on a moved distribution matters"
    )
    max_missing: float = Field(
        default=0.05, gt=0, lt=1, description="by how much the share of missing values may grow, as a share of all rows"
    )
    max_quality_loss: float = Field(
        default=0.05, gt=0, lt=1, description="share of its metric that a version may lose on labelled requests"
    )
    max_group_gap: float = Field(
        default=0.1, gt=0, lt=1, description="by how much the gap between `sensitive` groups may grow"
    )

    @property
    def limits(self) -> Margins:
        """What matters."""
        return Margins(self.max_psi, self.max_missing, self.max_quality_loss, self.max_group_gap)
