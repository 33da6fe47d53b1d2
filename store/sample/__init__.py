"""Sample data: three users with projects, assets and a month of jobs. The same ids wherever and whenever."""

from store.sample.assets import SampleAsset
from store.sample.filling import fill
from store.sample.rows import Sample, SampleProject, SampleUser, sample

__all__ = ["Sample", "SampleAsset", "SampleProject", "SampleUser", "fill", "sample"]
