"""The world in two sizes."""

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from pipeline.world.library import Library, WorldConfig, generate

ROOT = Path(__file__).parents[2]
SEED = 1


def world(**changes: Any) -> WorldConfig:
    """The settings of conf/, with changes."""
    section: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/corpus/world.yaml"), resolve=False)
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in section["world"].items()}
    return WorldConfig(**{**settings, **changes})


def smoke_changes() -> dict[str, Any]:
    """What size=smoke changes in the world."""
    overlay: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/size/smoke.yaml"), resolve=False)
    return {key: tuple(value) if isinstance(value, list) else value for key, value in overlay["corpus"]["world"].items()}


@pytest.fixture(scope="session")
def hundred() -> Library:
    return generate(world(), SEED)


@pytest.fixture(scope="session")
def dozen() -> Library:
    return generate(world(**smoke_changes()), SEED)
