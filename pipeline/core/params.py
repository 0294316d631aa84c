"""How params.yaml and dvc.lock are read: as OmegaConf and DVC write them."""

import re
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.errors import PipelineError

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a PyYAML that was built without libyaml has the slow one only


PARAMS = Path("params.yaml")
PARAMS_ANEW = f"git checkout {PARAMS}; or make reset, which writes it as conf/ says"


class Params(_Loader):  # type: ignore[misc]
    """YAML as OmegaConf writes it (1e-5 is a number, a date is text), read in a tenth of its time."""


Params.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for letter, resolvers in _Loader.yaml_implicit_resolvers.items()
}
Params.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(?:\.\d*)?[eE][-+]?\d+$"), list("-+0123456789"))


def read_mapping(path: Path, *, mend: str) -> dict[str, Any]:
    """What a file holds that programs write. PipelineError, with the line, where a hand has made something else of it."""
    try:
        content: Any = yaml.load(path.read_bytes(), Params)
    except (yaml.YAMLError, UnicodeDecodeError) as fault:
        raise PipelineError(f"{path} can't be read: {str(fault).replace('<byte string>', str(path))}", mend=mend) from fault
    if not isinstance(content, dict):
        raise PipelineError(f"{path} holds no keys", mend=mend)
    return content


def read_params(path: Path = PARAMS) -> dict[str, Any]:
    """The settings of the run, every interpolation resolved. PipelineError where they are no YAML, or hold no sections."""
    return read_mapping(path, mend=PARAMS_ANEW)
