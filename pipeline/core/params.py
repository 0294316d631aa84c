"""How params.yaml and dvc.lock are read: as OmegaConf and DVC write them."""

import re
from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a PyYAML that was built without libyaml has the slow one only


class Params(_Loader):  # type: ignore[misc]
    """YAML as OmegaConf writes it (1e-5 is a number, a date is text), read in a tenth of its time."""


Params.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for letter, resolvers in _Loader.yaml_implicit_resolvers.items()
}
Params.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(?:\.\d*)?[eE][-+]?\d+$"), list("-+0123456789"))
