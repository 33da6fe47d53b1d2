"""The sample's images: what was uploaded, and what some of the jobs made of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Literal
from uuid import UUID

from store.model import GenerationJob
from store.sample.catalog import CALLOUTS, SCENES, ProjectPlan
from store.sample.ids import make_id, seeded
from store.sample.modes import MODES, choose_mode

PROMPT_VERSION = "v3"
_UPLOAD_SIZES = ((3024, 4032), (4032, 3024), (3000, 3000), (2400, 2400))


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleAsset:
    id: UUID
    user_id: UUID
    project_id: UUID
    kind: Literal["input", "output"]
    mode: str
    source_asset_id: UUID | None
    prompt_version: str
    prompt_payload: Mapping[str, object]
    width: int
    height: int
    mime_type: str
    storage_path: str
    created_at: datetime
    updated_at: datetime


def input_assets(plan: ProjectPlan, project_id: UUID, user_id: UUID, begun: datetime) -> list[SampleAsset]:
    """Two photographs of each product, uploaded in the project's first hour."""
    return [
        _upload(product, view, project_id, user_id, begun) for product in plan.products for view in ("front", "detail")
    ]


def _upload(product: str, view: str, project_id: UUID, user_id: UUID, begun: datetime) -> SampleAsset:
    identifier = make_id("input", project_id, product, view)
    random = seeded(identifier)
    width, height = random.choice(_UPLOAD_SIZES)
    uploaded_at = begun + timedelta(minutes=random.uniform(2, 55))
    return SampleAsset(
        id=identifier,
        user_id=user_id,
        project_id=project_id,
        kind="input",
        mode=choose_mode(random),
        source_asset_id=None,
        prompt_version=PROMPT_VERSION,
        prompt_payload={"product": product, "view": view, "file_name": f"IMG_{random.randint(1200, 9800)}.jpg"},
        width=width,
        height=height,
        mime_type="image/jpeg",
        storage_path=f"{user_id}/{project_id}/input/{_slug(product)}-{view}.jpg",
        created_at=uploaded_at,
        updated_at=uploaded_at,
    )


def output_asset(job: GenerationJob, source: SampleAsset) -> SampleAsset:
    """What a succeeded job made of the photograph that it was given."""
    identifier = make_id("output", job.id)
    profile = MODES[job.mode]
    product = str(source.prompt_payload["product"])
    mode_slug = job.mode.replace("_", "-")
    return SampleAsset(
        id=identifier,
        user_id=job.user_id,
        project_id=job.project_id,
        kind="output",
        mode=job.mode,
        source_asset_id=source.id,
        prompt_version=PROMPT_VERSION,
        prompt_payload={"product": product, **_prompt(seeded(identifier), job.mode)},
        width=profile.width,
        height=profile.height,
        mime_type="image/png",
        storage_path=f"{job.user_id}/{job.project_id}/output/{_slug(product)}-{mode_slug}-{str(identifier)[:8]}.png",
        created_at=job.updated_at,
        updated_at=job.updated_at,
    )


def _prompt(random: Random, mode: str) -> dict[str, object]:
    match mode:
        case "lifestyle":
            return {"scene": random.choice(SCENES), "aspect_ratio": "3:2"}
        case "feature_callout":
            return {"callouts": list(random.choice(CALLOUTS)), "aspect_ratio": "1:1"}
        case "packaging":
            return {"surface": random.choice(("kraft paper", "matt white", "recycled board")), "aspect_ratio": "5:7"}
        case _:
            return {"background": "#ffffff", "shadow": random.choice(("soft", "none")), "aspect_ratio": "1:1"}


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
